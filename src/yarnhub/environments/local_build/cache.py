"""The cache of builds, from which builds execute interpreters and install packages."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from yarnhub.base.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


def prepare_cache(folder: Path) -> None:
    """Create the folder, unless it exists, and check that only this user can write it. Blocks.

    Raises:
        ConfigurationError: It belongs to another user, others can write it, or it cannot be
            created.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.stat()
    except OSError as error:
        raise ConfigurationError(
            f"the cache {folder} cannot be used: {error.strerror or error}"
        ) from error
    if status.st_uid != os.geteuid():
        raise ConfigurationError(
            f"the cache {folder} belongs to the user {status.st_uid}, who could change what builds "
            "execute: set another `cache`, or XDG_CACHE_HOME, to a folder of your own"
        )
    if status.st_mode & _OTHERS_WRITE:
        raise ConfigurationError(
            f"the cache {folder} can be written by other users, who could have changed what builds "
            f"execute: delete what is in it, and restrict it with `chmod 700 {folder}`"
        )
