"""What can go wrong with the embedded cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from yarnhub.base.errors import YarnhubError

if TYPE_CHECKING:
    from pathlib import Path


class ClusterError(YarnhubError):
    """The embedded cluster could not be started, changed or ended."""


class DownloadError(ClusterError):
    """A jar could not be fetched, or what came does not have the expected sum."""


class DaemonError(ClusterError):
    """A daemon of the cluster ended, or did not become ready in time.

    Attributes:
        daemon: Its name, e.g. `nodemanager-1`.
        log_path: Its whole log.
    """

    def __init__(self, daemon: str, what: str, log_path: Path, last_lines: str) -> None:
        said = f"; the end of its log:\n{last_lines}" if last_lines else ""
        super().__init__(f"{daemon} {what}, see {log_path}{said}")
        self.daemon = daemon
        self.log_path = log_path
