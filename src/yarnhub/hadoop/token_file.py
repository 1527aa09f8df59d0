"""A container's token file, which may be replaced while others read it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from yarnhub.base.files import read_regular, write_private
from yarnhub.hadoop.wire.tokens import TokenStorage

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from yarnhub.hadoop.wire.tokens import Token


_MAX_FILE_SIZE = 64 << 20
"""Bytes of a token file. A token has a kilobyte or less."""


def read_token_file(path: Path) -> TokenStorage:
    """Read a token file.

    Raises:
        OSError: It does not exist, cannot be read, or is not a regular file.
        ConfigurationError: It is not a token file.
    """
    return TokenStorage.read(read_regular(path, _MAX_FILE_SIZE))


def replace_tokens(path: Path, tokens: Mapping[str, Token]) -> None:
    """Replace tokens with the same alias; the rest of the file is kept.

    Concurrent readers get the complete old or new file. Only the owner can read either.

    Raises:
        OSError: The file or its folder does not exist, or cannot be written.
        ConfigurationError: It is not a token file.
    """
    content = read_token_file(path).merge(TokenStorage(tokens)).write()
    write_private(path, content)
