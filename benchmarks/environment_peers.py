"""One environment in the forms that conda-pack and venv-pack pack, and these programs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

PEERS = Path(__file__).resolve().parent.parent / "build" / "environment-peers"
"""Where the peers are installed, each in its own environment."""
VERSIONS = ("conda-pack==0.9.2", "venv-pack2==0.9.2")
BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Used:
    """What a program has used, with all programs that it has started.

    Attributes:
        cpu: Seconds, of users and of the system.
        wall: Seconds.
        output: What it printed.
    """

    cpu: float
    wall: float
    output: str


def run(command: Sequence[str | Path], **variables: str) -> Used:
    """Run a program to its end."""
    began = time.monotonic()
    process = subprocess.Popen(
        [str(word) for word in command],
        env={**os.environ, **variables},
        stdout=subprocess.PIPE,
        text=True,
    )
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stdout.close()
    if process.returncode:
        sys.exit(f"{command[0]} has failed with exit code {process.returncode}")
    return Used(usage.ru_utime + usage.ru_stime, time.monotonic() - began, output)


def installed_peer(name: str) -> Path:
    """The program `conda-pack` or `venv-pack`, which is installed unless it exists."""
    (version,) = (each for each in VERSIONS if each.startswith(name))
    folder = PEERS / version
    program = folder / "bin" / name
    if not program.exists():
        subprocess.run([BIN / "uv", "venv", "-q", "--clear", folder], check=True)
        install = [BIN / "uv", "pip", "install", "-q", "--python", folder / "bin" / "python"]
        # conda-pack imports pkg_resources.
        subprocess.run([*install, version, "setuptools<80"], check=True)
    return program


def unpacked(archive: Path, folder: Path) -> Path:
    """The environment of an archive of ours, in a folder."""
    folder.mkdir()
    subprocess.run(["tar", "-xzf", archive, "-C", folder], check=True)
    return folder


def conda_environment(prefix: Path, folder: Path, name: str) -> Path:
    """The same files as an environment of conda, which has installed all of them as one package.

    conda-pack reads them from conda's cache of packages, and searches no file for the prefix:
    that is the fastest that it can be.
    """
    environment, cached = folder / name, folder / "packages" / f"{name}-1-0"
    for copy in (environment, cached):
        copy.parent.mkdir(exist_ok=True)
        subprocess.run(["cp", "-al", prefix, copy], check=True)
    names = [
        path.relative_to(prefix).as_posix()
        for path in sorted(prefix.rglob("*"))
        if path.is_symlink() or not path.is_dir()
    ]
    paths = [
        {
            "_path": each,
            "path_type": "softlink" if (prefix / each).is_symlink() else "hardlink",
        }
        for each in names
    ]
    (cached / "info").mkdir()
    (cached / "info" / "paths.json").write_text(json.dumps({"paths": paths, "paths_version": 1}))
    meta = environment / "conda-meta"
    meta.mkdir()
    (meta / "history").touch()
    record = {
        "name": name,
        "version": "1",
        "build": "0",
        "url": "",
        "files": names,
        "link": {"source": str(cached), "type": 1},
    }
    (meta / f"{name}-1-0.json").write_text(json.dumps(record))
    return environment


def virtual_environment(lock: str, python: str, folder: Path) -> Path:
    """The same packages in a virtual environment, without an interpreter of its own."""
    lock_file = folder.with_suffix(".txt")
    lock_file.write_text(lock)
    base = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
    assert python == ".".join(map(str, sys.version_info[:3]))
    subprocess.run([BIN / "uv", "venv", "-q", "--python", base, folder], check=True)
    install = [BIN / "uv", "pip", "install", "-q", "--require-hashes", "--no-build"]
    program = folder / "bin" / "python"
    subprocess.run([*install, "--python", program, "-r", lock_file], check=True)
    library = next((folder / "lib").glob("python3*"))
    compileall = [program, "-m", "compileall", "-q", "-j", "0", library]
    # Some packages have files of other versions of Python.
    subprocess.run(compileall, check=False, stdout=subprocess.DEVNULL)
    return folder


def conda_pack(prefix: Path, target: Path, *options: str) -> Used:
    """Pack with conda-pack."""
    target.unlink(missing_ok=True)
    program = installed_peer("conda-pack")
    command = [program, "--prefix", prefix, "--output", target, "--quiet", *options]
    return run(command, PYTHONWARNINGS="ignore")


def venv_pack(prefix: Path, target: Path, *options: str) -> Used:
    """Pack with venv-pack."""
    target.unlink(missing_ok=True)
    program = installed_peer("venv-pack")
    return run([program, "--prefix", prefix, "--output", target, "--quiet", *options])


def our_pack(prefix: Path, target: Path) -> Used:
    """Pack as `yarnhub env build` does, in a process of its own."""
    target.unlink(missing_ok=True)
    program = (
        "import sys; from pathlib import Path; "
        "from yarnhub.environments.local_build.pack import pack; "
        "from yarnhub.environments.threads import Stop; "
        "pack(Path(sys.argv[1]), Path(sys.argv[2]), lambda *_: None, Stop())"
    )
    return run([sys.executable, "-c", program, prefix, target])
