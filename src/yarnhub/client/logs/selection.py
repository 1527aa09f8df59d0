"""A selection of an application's logs, and of how much of each."""

from __future__ import annotations

import re
from collections import deque
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from yarnhub.client.logs.instances import SCRIPT
from yarnhub.control.environment import NAME_FILE

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from yarnhub.client.logs.aggregated import LogFile
    from yarnhub.yarn.records.ids import ContainerId

_YARN_FILES = frozenset({"directory.info", SCRIPT, "prelaunch.out"})
"""Files that YARN adds to the logs of every container: long, and the same each time.
Source: yarn.nodemanager.log-container-debug-info.enabled."""
_OF_LAUNCH = frozenset({"prelaunch.err"})
"""Shown if it is not empty."""
_TAIL_WINDOW = 1 << 16
"""Bytes at the end of a log that are searched first for its last lines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSelection:
    """A selection of logs.

    Attributes:
        containers: Names such as `worker_3` or `master`, or YARN's container ids; empty for all.
        files: Names of files; empty for all except YARN's own about the launch.
        tail: Number of lines at the end of each file; None for all. Files that appear while an
            application is followed are always complete.
    """

    containers: frozenset[str] = frozenset()
    files: frozenset[str] = frozenset()
    tail: int | None = None

    @property
    def single(self) -> bool:
        """Whether it is one file of one container."""
        return len(self.containers) == 1 and len(self.files) == 1

    def has_container(self, container_id: ContainerId, instance: str) -> bool:
        """Whether a container's logs are selected."""
        return not self.containers or bool(self.containers & {str(container_id), instance})

    def has_file(self, name: str, length: int) -> bool:
        """Whether a file of a selected container is selected."""
        if self.files:
            return name in self.files
        silent = name in _OF_LAUNCH or name.endswith(NAME_FILE)
        return name not in _YARN_FILES and (length > 0 or not silent)

    def has(self, file: LogFile) -> bool:
        """Whether a file is selected."""
        return self.has_container(file.container_id, file.instance) and self.has_file(
            file.name, file.length
        )


async def last_lines(
    read: Callable[[int], AsyncGenerator[bytes, None]], length: int, lines: int
) -> int:
    """The offset of the last lines of a log; searches backwards as far as necessary.

    Args:
        read: Reads the content from an offset.
        length: Bytes of the log.
        lines: The number of lines; a last one without a line break counts.
    """
    window = _TAIL_WINDOW
    while lines:
        at = begin = max(0, length - window)
        starts: deque[int] = deque([0] if not begin else [], maxlen=lines)
        async with aclosing(read(begin)) as parts:
            async for part in parts:
                ends = (at + found.end() for found in re.finditer(b"\n", part))
                starts.extend(start for start in ends if start < length)
                at += len(part)
                if at >= length:
                    break
        if len(starts) == lines or not begin:
            return starts[0]
        window *= 8
    return length
