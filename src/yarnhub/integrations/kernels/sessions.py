"""Jupyter Server's sessions, in a file: those of kernels that are found again are kept."""

from __future__ import annotations

import os
from pathlib import Path

from jupyter_server.services.sessions.sessionmanager import SessionManager
from traitlets import default


class StoredSessions(SessionManager):
    """The sessions of a server whose kernel manager is a `YarnhubKernelManager`."""

    @default("database_filepath")
    def _default_database_filepath(self) -> str:
        file = Path(self.kernel_manager.holding.records.folder) / "sessions.sqlite"
        # SQLite would create it with the process' umask, and gives its journal the same mode.
        os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        return str(file)
