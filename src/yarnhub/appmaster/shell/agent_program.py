"""The token agent's code as a zip that Python runs from within a container's token file.

Built from the sources of this ApplicationMaster, its own zip or an installation. The modules are a
zip within the zip, as in `client.submit.appmaster_zip`, which takes half the space and does not
change when the token file is replaced.
"""

from __future__ import annotations

import functools
import io
import pkgutil
import zipfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_PACKAGES = ("base", "hadoop.wire", "hadoop.ipc", "yarn.records")
_MODULES = (
    "__init__",
    "appmaster.__init__",
    "appmaster.token_agent",
    "control.__init__",
    "control.bootstrap",
    "control.environment",
    "hadoop.__init__",
    "hadoop.address",
    "hadoop.codec",
    "hadoop.scalars",
    "hadoop.security.__init__",
    "hadoop.security.users",
    "hadoop.token_file",
    "yarn.__init__",
    "yarn.from_container",
    "yarn.resource_manager",
)
_INNER = "modules.zip"
_MAIN = f"""\
import os, sys
path = os.path.abspath(".yarnhub-agent.zip")
if sys.argv[1:] != ["locate"]:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
        file.write(__loader__.get_data("{_INNER}"))
sys.path.insert(0, path)
from yarnhub.appmaster.token_agent import main
main(sys.argv[1:], os.environ)
"""


@functools.cache
def token_agent() -> bytes:
    """The zip's bytes."""
    sources = {
        f"yarnhub/{name}": pkgutil.get_data("yarnhub", name) or b"" for name in sorted(_names())
    }
    inner = _zip(sources, zipfile.ZIP_STORED)
    return _zip({"__main__.py": _MAIN.encode(), _INNER: inner}, zipfile.ZIP_DEFLATED)


def _names() -> Iterator[str]:
    for name in _MODULES:
        yield f"{name.replace('.', '/')}.py"
    for package in _PACKAGES:
        folder = package.replace(".", "/")
        yield f"{folder}/__init__.py"
        path = __import__(f"yarnhub.{package}", fromlist=["__path__"]).__path__
        for module in pkgutil.iter_modules(path):
            yield f"{folder}/{module.name}.py"


def _zip(files: Mapping[str, bytes], method: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method, compresslevel=9) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()
