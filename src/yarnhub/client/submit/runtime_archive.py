"""The runtime archive: a Python for the ApplicationMaster on nodes that have none.

It is stored in the user's home on the cluster's file system, as an artifact: see
`yarnhub.client.files.artifacts`.
"""

from __future__ import annotations

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
    """The runtime archives of a user.

    Args:
        file_system: The cluster's file system, as the user.
    """
    return Artifacts(file_system, f"{await file_system.home()}/{FOLDER}")


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
