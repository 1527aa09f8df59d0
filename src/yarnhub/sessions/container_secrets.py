"""Secret variables and files of a session's program, packed into its token file and unpacked.

Only the container's user can read that file. Unpacking it only needs the standard library.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from yarnhub.base.files import write_private

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping
    from pathlib import Path

_VARIABLE = "variable:"
_FILE = "file:"
"""The prefix of the secrets' names."""


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
    """Unpack the secrets for a program.

    Args:
        secrets: The secrets in the container's token file; others than a session's are ignored.
        variables: The program's variables; the secret ones are added.
        folder: The folder for its secret files, which only its user can access.
    """
    for name, value in secrets.items():
        if name.startswith(_VARIABLE):
            variables[name.removeprefix(_VARIABLE)] = value.decode()
        elif name.startswith(_FILE):
            write_private(folder / name.removeprefix(_FILE), value)
