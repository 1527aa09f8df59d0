"""A container's token file, changed while others read it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from yarnhub.base.files import read_regular, write_private
from yarnhub.hadoop.wire.tokens import Credentials

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from yarnhub.hadoop.wire.tokens import Token


_MAX_FILE_SIZE = 64 << 20
"""Bytes. A token has a kilobyte or less."""


def read_token_file(path: Path) -> Credentials:
    """What a token file holds.

    Raises:
        OSError: It is not there, may not be read, or is no regular file.
        ConfigurationError: It is not a token file.
    """
    return Credentials.read(read_regular(path, _MAX_FILE_SIZE))


def replace_tokens(path: Path, tokens: Mapping[str, Token]) -> None:
    """Put tokens in the place of those of the same alias; all else in the file stays.

    Whoever reads it meanwhile finds the old file or the new one, whole. Nobody but its owner can
    read either.

    Raises:
        OSError: The file or its folder is not there, or may not be written.
        ConfigurationError: It is not a token file.
    """
    content = read_token_file(path).merge(Credentials(tokens)).write()
    write_private(path, content)
