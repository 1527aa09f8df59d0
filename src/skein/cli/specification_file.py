"""The specification file that a command was given."""

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
    """Errors that have to do with a specification say in which file it is.

    Raises:
        SkeinError: There is no such file, what is in it is wrong, or it cannot be submitted so.
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
