"""An interpreter that runs no code of packages when it starts.

uv runs the interpreter that it installs for. Python then runs code in the `.pth` files of packages,
and the modules `sitecustomize` and `usercustomize`: with the credentials of the build.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_NAME = "bare-python"


def bare_python(program: Path, folder: Path) -> Path:
    """A script that starts an interpreter without the module `site`. Blocks.

    Args:
        program: The interpreter.
        folder: Where the script is written.
    """
    script = folder / _NAME
    script.write_text(f'#!/bin/sh\nexec {shlex.quote(str(program))} -S "$@"\n')
    script.chmod(0o700)
    return script
