"""Jupyter Server's sessions, in a file: those of kernels that are found again are kept.

The kernels' records have a copy, because the file of a server in a container is deleted with it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

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

    # Any: jupyter_server's own models

    async def list_sessions(self) -> list[dict[str, Any]]:
        """All sessions."""
        await self._adopt()
        found: list[dict[str, Any]] = await super().list_sessions()
        return found

    async def session_exists(self, path: str) -> bool:
        """Whether there is a session for a path."""
        await self._adopt()
        return bool(await super().session_exists(path))

    async def get_session(self, **kwargs: Any) -> dict[str, Any]:
        """One session."""
        await self._adopt()
        found: dict[str, Any] = await super().get_session(**kwargs)
        return found

    async def save_session(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Add a session."""
        saved: dict[str, Any] = await super().save_session(*args, **kwargs)
        self._note()
        return saved

    async def update_session(self, session_id: str, **kwargs: Any) -> None:
        """Change a session."""
        await super().update_session(session_id, **kwargs)
        self._note()

    async def _adopt(self) -> None:
        await self.kernel_manager.adoption.wait()
        for row in self.kernel_manager.adoption.take_sessions():
            self.cursor.execute(
                "INSERT INTO session (session_id, path, name, type, kernel_id) "
                "VALUES (:session_id, :path, :name, :type, :kernel_id)",
                row,
            )

    def _note(self) -> None:
        """Copy the sessions to the records of their kernels."""
        sessions: dict[str, list[dict[str, str]]] = {}
        for row in self.cursor.execute("SELECT * FROM session").fetchall():
            sessions.setdefault(row["kernel_id"], []).append(dict(row))
        self.kernel_manager.holding.records.put_sessions(sessions)
