"""The errors of the embedded cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from yarnhub.base.errors import YarnhubError

if TYPE_CHECKING:
    from pathlib import Path


class ClusterError(YarnhubError):
    """The embedded cluster could not be started, changed or stopped."""


class DownloadError(ClusterError):
    """A jar could not be downloaded, or its checksum is wrong."""


class DaemonError(ClusterError):
    """A daemon of the cluster exited, or did not become ready in time.

    Attributes:
        daemon: Its name, e.g. `nodemanager-1`.
        log_path: Its log file.
    """

    def __init__(self, daemon: str, what: str, log_path: Path, last_lines: str) -> None:
        tail = f"; the end of its log:\n{last_lines}" if last_lines else ""
        super().__init__(f"{daemon} {what}, see {log_path}{tail}")
        self.daemon = daemon
        self.log_path = log_path
