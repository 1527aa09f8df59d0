"""The runtime archive: a Python for the ApplicationMaster on nodes that have none.

It is stored in the user's home on the cluster's file system, as an artifact: see
`yarnhub.client.files.artifacts`.
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from yarnhub.client.files.artifacts import Artifact, Artifacts

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from yarnhub.filesystem.port import FileSystem
    from yarnhub.spec import File

FOLDER = ".yarnhub-runtime"
"""In the user's home, and in the ApplicationMaster's container, where it is unpacked."""
PYTHON = f"{FOLDER}/bin/python3"
"""The path of the interpreter in the container."""
VARIABLE = "YARNHUB_PYTHON"
"""Names the interpreter: an absolute path that all nodes have, or `ARCHIVE`."""
ARCHIVE = "archive"
_SUFFIX = ".tar.gz"


async def runtime_archives(file_system: FileSystem) -> Artifacts:
    """The runtime archives of a user: containers of the user execute no others.

    Args:
        file_system: The cluster's file system, as the user.
    """
    home = await file_system.home()
    status = await file_system.status(home)
    # The name of a home in HDFS is the user's; an administrator can own it.
    owners = {posixpath.basename(home), *([status.owner] if status is not None else [])}
    return Artifacts(file_system, f"{home}/{FOLDER}", owners=owners)


async def published(
    file_system: FileSystem,
    archive: Path,
    progress: Callable[[Path, int, int], None] | None = None,
) -> File:
    """The archive as a file that nodes may share, uploaded unless it exists.

    Args:
        file_system: The cluster's file system, as the user.
        archive: The archive on this machine; see `python_archive.cached`.
        progress: Called with the progress of the upload.
    """
    artifact = Artifact(archive, archive.name.removesuffix(_SUFFIX), _SUFFIX)
    return await (await runtime_archives(file_system)).publish(artifact, progress)
