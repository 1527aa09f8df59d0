"""A Python that is installed on this machine."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yarnhub.base.foreign_text import quoted
from yarnhub.environments.errors import BuildError
from yarnhub.environments.progress import Step

if TYPE_CHECKING:
    from collections.abc import Sequence

SECONDS = 600
"""For one of the programs that examine, change or compile a Python: seconds, but not on a machine
that is overloaded."""

_EXAMINE = """\
import json, os, platform, sys, sysconfig
print(json.dumps({
    "executable": os.path.realpath(getattr(sys, "_base_executable", sys.executable)),
    "library": os.path.dirname(os.__file__), "platlibdir": sys.platlibdir,
    "version": platform.python_version(), "implementation": sys.implementation.name,
    "libc": list(platform.libc_ver()), "machine": platform.machine(),
    "debug": hasattr(sys, "gettotalrefcount"), "abi": sys.abiflags,
}))
"""


@dataclass(frozen=True, slots=True)
class InstalledPython:
    """A Python of this machine.

    Attributes:
        executable: Its program.
        library: The folder of its standard library.
        platlibdir: `lib`, or `lib64` on some systems.
        version: Such as `3.12.1`.
        platform: The operating system, the architecture and the C library.
        glibc: The version of the C library.
    """

    executable: Path
    library: Path
    platlibdir: str
    version: str
    platform: str
    glibc: str

    @property
    def short_version(self) -> str:
        """Such as `3.12`."""
        return ".".join(self.version.split(".")[:2])

    def site_packages(self, prefix: Path) -> Path:
        """The folder of packages in an environment with this Python."""
        return prefix / self.platlibdir / f"python{self.short_version}" / "site-packages"


def examine(program: Path) -> InstalledPython:
    """Describe a Python. Blocks.

    Raises:
        BuildError: It cannot be run or copied.
    """
    found = json_of([str(program), "-I", "-B", "-S", "-c", _EXAMINE], str(program))
    name, libc = found["libc"]
    if found["implementation"] != "cpython" or found["debug"]:
        raise failure(f"{program} cannot be copied: it is not a release build of CPython")
    if name != "glibc":
        raise failure(f"{program} cannot be copied: it does not use glibc")
    if found["abi"]:
        raise failure(f"{program} cannot be copied: free-threaded builds are not supported")
    return InstalledPython(
        Path(found["executable"]),
        Path(found["library"]),
        str(found["platlibdir"]),
        str(found["version"]),
        f"linux-{found['machine']}-gnu",
        str(libc),
    )


def json_of(command: Sequence[str], name: str) -> Any:  # Any: a document of a program of ours
    """The document that a program prints. Blocks.

    Raises:
        BuildError: It failed, or printed something else.
    """
    text = run_program(command, name)
    try:
        return json.loads(text)
    except ValueError as error:
        raise failure(f"{name} is not a Python: it printed {quoted(text)}") from error


def run_program(command: Sequence[str], name: str) -> str:
    """The output of a program, with nothing of this process's environment. Blocks.

    Raises:
        BuildError: It failed.
    """
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
            env={"PATH": os.defpath, "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "0"},
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise failure(f"{name} cannot be run: {error}") from error
    if done.returncode != 0:
        said = done.stderr.strip()[-500:]
        raise BuildError(
            Step.INTERPRETER, f"{name} failed with exit code {done.returncode}: {said}", [said]
        )
    return done.stdout


def failure(message: str) -> BuildError:
    """The error of a Python that cannot be used."""
    return BuildError(Step.INTERPRETER, message)
