"""The token agent's code as a zip that Python runs from within a container's token file.

Made of the sources that this ApplicationMaster itself runs from, its own zip or an installation.
"""

from __future__ import annotations

import functools
import io
import pkgutil
import zipfile

_MODULES = (
    "__init__.py",
    "appmaster/__init__.py",
    "appmaster/token_agent.py",
    "base/__init__.py",
    "base/errors.py",
    "control/__init__.py",
    "control/bootstrap.py",
    "control/environment.py",
    "hadoop/__init__.py",
    "hadoop/codec.py",
    "hadoop/token_file.py",
    "hadoop/wire/__init__.py",
    "hadoop/wire/tokens.py",
    "hadoop/wire/writable.py",
)
_MAIN = """\
import os, sys
sys.path.insert(0, os.path.abspath(sys.argv[0]))
from yarnhub.appmaster.token_agent import main
main(sys.argv[1:], os.environ)
"""


@functools.cache
def token_agent() -> bytes:
    """The zip's bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.writestr("__main__.py", _MAIN)
        for name in _MODULES:
            archive.writestr(f"yarnhub/{name}", pkgutil.get_data("yarnhub", name) or b"")
    return buffer.getvalue()
