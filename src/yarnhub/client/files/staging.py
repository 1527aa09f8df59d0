"""Uploading an application's own files into its folder, which is deleted with the application.

Files that many applications share are in `artifacts`.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from yarnhub.base.errors import ConfigurationError, SpecError
from yarnhub.base.files import open_regular
from yarnhub.base.tasks import task_group
from yarnhub.control.bootstrap import Staging
from yarnhub.filesystem.delegation import hdfs_token_service
from yarnhub.filesystem.errors import PathNotFoundError
from yarnhub.filesystem.name_node import find_name_nodes
from yarnhub.filesystem.paths import Location
from yarnhub.spec.sources import local_path, map_files

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from yarnhub.filesystem.port import FileStatus, FileSystem
    from yarnhub.hadoop.conf import Properties
    from yarnhub.hadoop.wire.tokens import Token
    from yarnhub.spec import ApplicationSpec, File
    from yarnhub.yarn.records.ids import ApplicationId

    Progress = Callable[[Path, int, int], None]
    """Called with the file, the bytes sent so far, and all bytes."""
    FindFileSystem = Callable[[str], Awaitable[FileSystem]]
    """Returns the file system of a URL; raises ConfigurationError if none supports it."""

_MAX_UPLOADS = 4
"""Concurrent uploads: HDFS takes half a second to close a file, however small."""
FOLDER = ".skein"
"""In the user's home on the cluster's file system."""


def has_files(spec: ApplicationSpec) -> bool:
    """Whether there is anything to stage."""
    parts = (spec.master, *spec.services.values())
    return any(part.files for part in parts) or spec.master.log_config is not None


async def staging_folder(file_system: FileSystem, application_id: ApplicationId) -> str:
    """The URL of the folder with an application's uploaded files."""
    return f"{await file_system.home()}/{FOLDER}/{application_id}"


def is_needed(spec: ApplicationSpec) -> bool:
    """Whether an application needs a folder: for its files, or for the state of its AM."""
    return has_files(spec) or spec.max_attempts > 1


async def application_folder(
    folder: str, configuration: Properties, tokens: Mapping[str, Token]
) -> Staging | None:
    """The description of the folder for the AM; None if the AM cannot reach it.

    Args:
        folder: As a URL.
        configuration: The cluster's.
        tokens: The application's, by alias.

    Raises:
        ConnectError: The host name of the NameNode has no address.
    """
    location = Location.parse(folder)
    if location is None or location.scheme != "hdfs":
        return None
    service = find_name_nodes(folder, configuration)
    alias = await hdfs_token_service(service, service.rpc[0], configuration) if tokens else None
    token = alias if alias in tokens else None
    return Staging(uri=service.uri, web=service.web, folder=folder, token=token)


async def stage(
    spec: ApplicationSpec,
    application_id: ApplicationId,
    file_system: FileSystem,
    progress: Progress | None = None,
    find: FindFileSystem | None = None,
) -> ApplicationSpec:
    """Upload the local files of a specification and look up size and time of the others.

    Each local file is uploaded once, even if it is named several times. Cancelling, or an error,
    may leave the application's staging folder behind; the caller deletes it.

    Args:
        spec: The submitted specification; local sources are absolute.
        application_id: Names the folder.
        file_system: The cluster's.
        progress: Called with the progress of uploads.
        find: Opens the file system of a URL; None uses the cluster's for all.

    Returns:
        The specification with the sources that the nodes read.

    Raises:
        SpecError: A file does not exist, is not a regular file, or is on a file system that this
            client cannot read.
    """
    files: dict[str, File] = {}
    map_files(spec, files.setdefault)
    folder = await staging_folder(file_system, application_id)
    if spec.max_attempts > 1:
        await file_system.make_directory(folder, 0o700)
    turns = asyncio.Semaphore(_MAX_UPLOADS)

    async def status(path: str, file: File) -> FileStatus | None:
        async with turns:
            local = local_path(file, Path())
            if local is not None:
                return await _upload(path, local, folder, file_system, progress)
            source = file_systems.get(file.source)
            return None if source is None else await _status(path, file, source)

    by_source = {file.source: (path, file) for path, file in reversed(files.items())}
    file_systems = {
        source: await _find_file_system(path, file, file_system, find)
        for source, (path, file) in reversed(by_source.items())
        if local_path(file, Path()) is None
    }
    async with task_group() as group:
        tasks = {
            source: group.create_task(status(path, file))
            for source, (path, file) in reversed(by_source.items())
        }
    return map_files(spec, lambda _, file: _staged(file, tasks[file.source].result()))


async def _find_file_system(
    path: str, file: File, file_system: FileSystem, find: FindFileSystem | None
) -> FileSystem | None:
    """The file system of a file; None if there is nothing to look up."""
    try:
        return file_system if find is None else await find(file.source)
    except ConfigurationError as error:
        if file.size and file.timestamp:
            return None  # the nodes may support it
        raise SpecError(
            f"{path}.source", f"{error}; with `size` and `timestamp` it is used unchecked"
        ) from error


async def _status(path: str, file: File, file_system: FileSystem) -> FileStatus:
    try:
        status = await file_system.status(file.source)
    except ConfigurationError as error:
        raise SpecError(f"{path}.source", str(error)) from error
    if status is None:
        raise SpecError(f"{path}.source", f"'{file.source}' does not exist")
    if status.is_directory:
        raise SpecError(f"{path}.source", f"'{file.source}' is a folder: pack it into an archive")
    return status


async def _upload(
    path: str, local: Path, folder: str, file_system: FileSystem, progress: Progress | None
) -> FileStatus:
    # Two files of the same name from different local folders must have different paths. The hash is
    # of the path, not the content: it does not identify a file as `artifacts` does.
    unique = hashlib.md5(str(local).encode(), usedforsecurity=False).hexdigest()
    try:
        size = await asyncio.to_thread(_size, path, local)
        await file_system.make_directory(folder, 0o700)
        return await file_system.upload(
            local,
            f"{folder}/{unique}/{local.name}",
            0o600,
            None if progress is None else lambda sent: progress(local, sent, size),
        )
    except (PathNotFoundError, FileNotFoundError) as error:
        raise SpecError(f"{path}.source", f"file '{local}' does not exist") from error
    except PermissionError as error:
        raise SpecError(f"{path}.source", f"file '{local}' cannot be read") from error


def _size(path: str, local: Path) -> int:
    if local.is_dir():
        raise SpecError(f"{path}.source", f"'{local}' is a folder: pack it into an archive")
    try:
        with open_regular(local) as file:
            return os.fstat(file.fileno()).st_size
    except (FileNotFoundError, PermissionError):
        raise
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise SpecError(f"{path}.source", f"'{local}' cannot be uploaded: {why}") from error


def _staged(file: File, status: FileStatus | None) -> File:
    if status is None:
        return file
    # Values of the specification take precedence: YARN refuses a file that differs from them.
    return replace(
        file,
        source=status.path,
        size=file.size or status.length,
        timestamp=file.timestamp or status.modification_time,
    )
