"""The notebook walk-through on a Hadoop of its own: what ./demo runs.

Every step is a command that a user would type; it is shown before it runs.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
CLUSTER = ["--name", "demo"]
CELL = """\
import getpass, os, socket, numpy
print("container:", os.environ["CONTAINER_ID"])
print("host:", socket.gethostname(), "user:", getpass.getuser())
print("folder:", os.getcwd())
print("numpy", numpy.__version__, "says:", numpy.arange(10).sum())
"""


def main() -> int:
    """Start the cluster, run the notebook in it, and show both."""
    parser = argparse.ArgumentParser(prog="./demo", description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="shut down at the end, as CI does")
    parser.add_argument("--stop", action="store_true", help="stop the cluster of an earlier ./demo")
    options = parser.parse_args()
    cluster = [BIN / "yarnhub", "cluster"]
    if options.stop:
        show([*cluster, "stop", *CLUSTER])
        return 0
    began = time.monotonic()
    work = cache() / "demo"
    work.mkdir(parents=True, exist_ok=True)
    show([sys.executable, PROJECT / "examples" / "pack_environment.py", work])
    shutil.copy(PROJECT / "examples" / "jupyter-demo.yaml", work)
    show([*cluster, "start", *CLUSTER])
    try:
        notebook, application = walk(work, cluster_environment(cluster))
        if options.check:
            finish(application, cluster_environment(cluster))
    finally:
        if options.check:
            show([*cluster, "stop", *CLUSTER])
    print(f"\nDone in {time.monotonic() - began:.0f} s: a Hadoop cluster ran on this machine,")
    print(f"and a Jupyter notebook in the YARN container of {application}.")
    if not options.check:
        address = "{protocol}://{host}:{port}{base_url}tree?token={token}".format(**notebook)
        print(f"\n    Open {address}\n\nStop it all with ./demo --stop")
    return 0


def cache() -> Path:
    """Where what can be made anew is kept."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "yarnhub"


def show(command: list[str | Path], *, env: dict[str, str] | None = None, **more: object) -> None:
    """Print a command and run it; ends the demo if it fails."""
    words = [Path(command[0]).name, *map(str, command[1:])]
    print(f"\n$ {shlex.join(words)}", flush=True)
    done = subprocess.run([str(word) for word in command], check=False, env=env, **more)
    if done.returncode != 0:
        raise SystemExit(f"Error: the command ended with exit code {done.returncode}")


def cluster_environment(cluster: list[str | Path]) -> dict[str, str]:
    """The variables of `yarnhub cluster env` over our own."""
    script = f'eval "$({shlex.join(map(str, [*cluster, "env", *CLUSTER]))})" && env -0'
    output = subprocess.run(["bash", "-c", script], check=True, stdout=subprocess.PIPE).stdout
    pairs = (entry.partition("=") for entry in output.decode().split("\0") if entry)
    return {name: value for name, _, value in pairs}


def walk(work: Path, env: dict[str, str]) -> tuple[dict[str, str], str]:
    """Submit the notebook, reach it, and run a cell in its container."""
    skein = BIN / "skein"
    print("\n$ APPID=`skein application submit jupyter-demo.yaml`", flush=True)
    submitted = subprocess.run(
        [skein, "application", "submit", "jupyter-demo.yaml"],
        cwd=work,
        env=env,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if submitted.returncode != 0:
        raise SystemExit(f"Error: the submission ended with exit code {submitted.returncode}")
    application = submitted.stdout.strip()
    print(application)
    answer = work / "notebook.json"
    answer.touch(0o600)  # it holds the notebook's token
    with answer.open("w") as file:
        key = ["--key", "jupyter.notebook.info", "--wait"]
        show([skein, "kv", "get", application, *key], env=env, stdout=file)
    text = (work / "notebook.json").read_text()
    print(f"\n$ cat notebook.json\n{text}", flush=True)
    python = work / "environment" / "bin" / "python"
    show([python, PROJECT / "examples" / "run_cell.py", work / "notebook.json", CELL])
    return json.loads(text), application


def finish(application: str, env: dict[str, str]) -> None:
    """Shut the application down and show its last state."""
    show([BIN / "skein", "application", "shutdown", application], env=env)
    show([BIN / "skein", "application", "status", application], env=env)


if __name__ == "__main__":
    sys.exit(main())
