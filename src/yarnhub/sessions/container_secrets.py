"""Secret variables and files of a session's program: in its token file, and out of that again.

Only the container's user can read that file. What unpacks it needs the standard library only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from yarnhub.base.files import write_private

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping
    from pathlib import Path

_VARIABLE = "variable:"
_FILE = "file:"
"""What the names of secrets begin with."""


def packed(variables: Mapping[str, str], files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The secrets for a token file.

    Args:
        variables: The program's secret variables.
        files: Contents of files that only the program can read, by name.
    """
    return {f"{_VARIABLE}{name}": value.encode() for name, value in variables.items()} | {
        f"{_FILE}{name}": content for name, content in files.items()
    }


def unpack(secrets: Mapping[str, bytes], variables: MutableMapping[str, str], folder: Path) -> None:
    """Give a program what was packed for it.

    Args:
        secrets: Of the container's token file; others are ignored.
        variables: Of the program; its secret ones are set here.
        folder: Where its secret files are written; only its user can enter it.
    """
    for name, value in secrets.items():
        if name.startswith(_VARIABLE):
            variables[name.removeprefix(_VARIABLE)] = value.decode()
        elif name.startswith(_FILE):
            write_private(folder / name.removeprefix(_FILE), value)
