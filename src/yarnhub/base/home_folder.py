"""The home folder of a user's processes in a container."""

from __future__ import annotations

import os
import pwd
from pathlib import Path


def home_folder(user: str, folder: Path) -> Path:
    """The user's home folder on this node, or else the container's folder.

    The HOME that YARN sets is the same for all users' containers, and usually not writable.

    Args:
        user: The user for whom the container runs.
        folder: The container's folder.
    """
    try:
        account = pwd.getpwuid(os.getuid())
    except KeyError:  # an OS user that the image does not have
        return folder
    theirs = account.pw_name == user and os.access(account.pw_dir, os.W_OK)
    return Path(account.pw_dir) if theirs else folder
