"""Errors of a specification file, with its name."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from skein.exceptions import SkeinError
from yarnhub.base.errors import SpecError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def named_in_errors(path: str) -> Iterator[None]:
    """Add the name of the specification file to errors.

    Raises:
        SkeinError: The file was not found or is not valid, or it cannot be submitted.
    """
    if not Path(path).exists():
        raise SkeinError(f"No application specification file at '{path}'")
    try:
        yield
    except SpecError as error:
        between = ", " if error.path else ": "
        raise SkeinError(f"In file '{path}'{between}{error}") from error
    except OSError as error:
        if error.filename is None or isinstance(error, SkeinError):
            raise
        raise SkeinError(f"'{error.filename}' cannot be read: {error.strerror}") from error
