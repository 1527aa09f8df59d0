"""The names of containers, from the files in their log folders."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING

from yarnhub.base.foreign_text import clean_and_cut
from yarnhub.client.logs.aggregated import read_log
from yarnhub.control.environment import CONTAINER_ID, NAME_FILE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from yarnhub.client.logs.aggregated import AggregatedLog
    from yarnhub.filesystem.port import FileSystem

MASTER = "master"
"""The name of the ApplicationMaster's container, as `worker_3` is an instance's."""
SCRIPT = "launch_container.sh"
"""The launch script that YARN wrote for the container, with its environment."""
MAX_SCRIPT_BYTES = 1 << 20
"""Bytes of such a script that are read."""

_EXPORT = re.compile(rf'^export {CONTAINER_ID}="([^"]+)"$'.encode(), re.MULTILINE)


def instance_in(script: bytes) -> str:
    """The name of a launch script's container; empty if it has none."""
    found = _EXPORT.search(script)
    # A container may write anything there, and its name is shown.
    return clean_and_cut(found[1].decode(errors="replace"), lines=False) if found else ""


def instance_by_files(names: Iterable[str]) -> str:
    """The name of a container from the files in its log folder; empty if unknown."""
    for name in names:
        if name == "application.master.log":
            return MASTER
        if name.endswith(NAME_FILE):
            return clean_and_cut(name.removesuffix(NAME_FILE), lines=False)
    return ""


async def aggregated_instance(file_system: FileSystem, files: Mapping[str, AggregatedLog]) -> str:
    """The name of a container from its files; empty if unknown. Cancelling leaves nothing behind.

    Args:
        file_system: Where `find_logs` found them.
        files: All files of the container, by name.
    """
    if name := instance_by_files(files):
        return name
    script = files.get(SCRIPT)
    if script is None or script.file.length > MAX_SCRIPT_BYTES:
        return ""
    async with contextlib.aclosing(read_log(file_system, script)) as chunks:
        return instance_in(b"".join([chunk.data async for chunk in chunks]))
