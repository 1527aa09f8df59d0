"""The launcher's code as it travels in a container's token file, and the line that runs it.

It is compressed as a whole, so that nothing in the token file looks like a zip: Python runs the
token file itself for the token agent, and takes the last zip in it (see
`appmaster.shell.agent_program`).
"""

from __future__ import annotations

import functools
import io
import pkgutil
import shlex
import zipfile
import zlib
from importlib import resources
from typing import TYPE_CHECKING

from yarnhub.client.submit.appmaster_zip import lean
from yarnhub.kernels.launcher.program import OWN_PYTHON
from yarnhub.kernels.programs import FILE, PROGRAMS

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET = "launcher.program"  # noqa: S105  # a name
"""The name of the secret. A NodeManager writes secrets in the order of Java's hash table: with this
name it is first, and so not between the token agent's zip and the end of the file, where Python
looks for a zip in the last 64 KiB only."""
_MARK = b"yarnhub.launcher\xff"
"""What the code follows in the file; no text contains it."""
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The same code gives the same bytes."""
MODULES = (
    "__init__",
    "base.__init__",
    "base.background",
    "base.closing",
    "base.deadline",
    "base.errors",
    "base.files",
    "base.foreign_text",
    "base.home_folder",
    "base.tls_pair",
    "base.retry",
    "base.tasks",
    "control.__init__",
    "control.bootstrap",
    "control.environment",
    "control.frames",
    "control.json",
    "hadoop.__init__",
    "hadoop.address",
    "hadoop.codec",
    "hadoop.ipc.__init__",
    "hadoop.ipc.client",
    "hadoop.ipc.connection",
    "hadoop.ipc.login",
    "hadoop.ipc.options",
    "hadoop.ipc.translation",
    "hadoop.scalars",
    "hadoop.security.__init__",
    "hadoop.security.users",
    "hadoop.token_file",
    "hadoop.wire.__init__",
    "hadoop.wire.connection",
    "hadoop.wire.delegation",
    "hadoop.wire.digest_md5",
    "hadoop.wire.framing",
    "hadoop.wire.gssapi",
    "hadoop.wire.headers",
    "hadoop.wire.identifiers",
    "hadoop.wire.method",
    "hadoop.wire.protection",
    "hadoop.wire.rc4",
    "hadoop.wire.sasl",
    "hadoop.wire.tokens",
    "hadoop.wire.writable",
    "kernels.__init__",
    "kernels.launcher.__init__",
    "kernels.launcher.channels",
    "kernels.launcher.descendants",
    "kernels.launcher.link",
    "kernels.launcher.output",
    "kernels.launcher.process",
    "kernels.launcher.program",
    "kernels.launcher.requests",
    "kernels.launcher.sockets",
    "kernels.launcher.splice",
    "kernels.launcher.supervisor",
    "kernels.launcher.tap",
    "kernels.launcher.zmtp",
    "kernels.protocol",
    "yarn.__init__",
    "yarn.from_container",
    "yarn.records.__init__",
    "yarn.records.applications",
    "yarn.records.cluster",
    "yarn.records.containers",
    "yarn.records.ids",
    "yarn.records.launch",
    "yarn.records.resource_manager",
    "yarn.records.resources",
    "yarn.resource_manager",
)
"""What the launcher imports."""
_MAIN = """\
import sys
from yarnhub.kernels.launcher.program import main
sys.exit(main())
"""
_UNPACK = f"""\
import os, sys, zlib
if sys.version_info < (3, 11): sys.exit(1)
def fail(kind, error, trace):
    print(f"The launcher of the kernel cannot be unpacked: {{error}}", flush=True)
    os._exit(70)
sys.excepthook = fail
with open(os.environ["HADOOP_TOKEN_FILE_LOCATION"], "rb") as file:
    packed = file.read().partition({_MARK!r})[2]
flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
with open(os.open("{FILE}", flags, 0o600), "wb") as file:
    file.write(zlib.decompressobj().decompress(packed))
"""
_ANY_PYTHON = "$YARNHUB_PYTHON python3 python3.14 python3.13 python3.12 python3.11 */bin/python3"
"""Words of a shell's line; the last ones are environments among the container's files."""


@functools.cache
def launcher_secrets(program: str = "") -> dict[str, bytes]:
    """The secrets that the launcher's container needs, besides its `Launch`.

    The first call takes some tenths of a second.

    Args:
        program: The name of what runs in the kernel's process, in `PROGRAMS`; empty for nothing.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(zipfile.ZipInfo("__main__.py", _EPOCH), _MAIN)
        for module in MODULES:
            name = f"{module.replace('.', '/')}.py"
            source = pkgutil.get_data("yarnhub", name) or b""
            archive.writestr(zipfile.ZipInfo(f"yarnhub/{name}", _EPOCH), lean(source.decode()))
        for name, text in program_modules(program) if program else ():
            path = f"{PROGRAMS[program].folder}/{name}"
            archive.writestr(zipfile.ZipInfo(path, _EPOCH), lean(text))
    return {SECRET: _MARK + zlib.compress(buffer.getvalue(), 9)}


def program_modules(program: str) -> Iterator[tuple[str, str]]:
    """The paths below a folder of Python's path, and the texts, of a program's modules."""
    found = PROGRAMS[program]
    for file in sorted(resources.files("yarnhub").joinpath(found.source).iterdir(), key=str):
        if file.name.endswith(".py"):
            yield f"{found.package}/{file.name}", file.read_text("utf-8")


def launcher_command(python: str) -> list[str]:
    """Words of a shell's line that becomes the launcher; it must be the script's last one.

    The launcher takes its code from the container's token file: neither the Python nor the
    kernel's environment needs yarnhub.

    Args:
        python: A Python of version 3.11 or newer, which is also `python` in the kernel's command;
            empty for the first one that the node has.
    """
    pythons = shlex.quote(python) if python else _ANY_PYTHON
    problem = "No Python of version 3.11 or newer on this node: name one in the kernelspec."
    if python:
        problem = f"{python} is not a Python of version 3.11 or newer on this node."
    run = f'exec "$python" -IS {FILE} {OWN_PYTHON if python else ""}'
    return [
        f"for python in {pythons}; do",
        f'"$python" -ISc {shlex.quote(_UNPACK)} 2> /dev/null;',
        f"case $? in 0) {run.rstrip()};; 70) exit 1;; esac; done;",
        f"echo {shlex.quote(problem)} >&2; exit 1",
    ]
