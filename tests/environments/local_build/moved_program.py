"""Runs in an environment: uses it in all ways that depend on its path, and prints what it found."""

import json
import multiprocessing
import re
import ssl
import subprocess
import sys
from pathlib import Path

LIBC = re.compile(
    r"(ld-linux.*|libc|libm|libpthread|libdl|librt|libutil|libresolv|libnss_.*)\.so.*"
    r"|(libgcc_s|libstdc\+\+)\.so.*"  # wheels expect them on every machine
)


def prefix(_: int) -> str:
    """The prefix of a process that was started by multiprocessing."""
    return sys.prefix


def kernel() -> str:
    """The prefix of a kernel."""
    from jupyter_client.manager import start_new_kernel

    manager, client = start_new_kernel(kernel_name="python3")
    try:
        found: list[str] = []

        def take(message: dict[str, dict[str, dict[str, str]]]) -> None:
            if str(message["header"]["msg_type"]) == "execute_result":
                found.append(message["content"]["data"]["text/plain"])

        client.execute_interactive("import six, sys; sys.prefix", output_hook=take, timeout=60)
        return found[0]
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def mapped() -> list[str]:
    """Files of libraries that are not of this environment, nor libc's."""
    lines = Path("/proc/self/maps").read_text().splitlines()
    files = {Path(line.split(None, 5)[5]) for line in lines if ".so" in line}
    return sorted(
        str(each)
        for each in files
        if not each.is_relative_to(sys.prefix) and not LIBC.fullmatch(each.name)
    )


if __name__ == "__main__":
    context = multiprocessing.get_context("spawn")
    with context.Pool(2) as pool:
        spawned = pool.map(prefix, range(2))
    child = [sys.executable, "-c", "import six, sys; print(sys.prefix)"]
    ssl.create_default_context()
    found = {
        "prefix": sys.prefix,
        "child": subprocess.check_output(child, text=True).strip(),
        "spawned": spawned,
        "jupyter": subprocess.check_output(["jupyter", "--version"], text=True),
        "kernel": kernel(),
        "elsewhere": mapped(),
    }
    sys.stdout.write(json.dumps(found) + "\n")
