"""Running servers that belong to no user of the hub, for example after its database was lost.

`GET /hub/api/yarnspawner/orphans` lists them, `DELETE` kills them; for administrators of servers.
"""

from __future__ import annotations

import asyncio
import json
import logging
from functools import partial
from typing import TYPE_CHECKING, Any

from jupyterhub import orm
from jupyterhub.apihandlers.base import APIHandler
from jupyterhub.scopes import needs_scope

from yarnhub.base.errors import YarnhubError
from yarnhub.sessions.orphans import kill, orphans

if TYPE_CHECKING:
    from yarnhub.sessions.holder import Holder
    from yarnhub.sessions.session import Session

_log = logging.getLogger(__name__)

PATH = r"/api/yarnspawner/orphans"
_SETTLED = 60.0
"""Seconds after which a started hub has loaded the servers of all its users."""


def claimed(app: Any) -> set[str]:
    """The ids of the users' applications, and the identities of servers that are starting.

    Args:
        app: JupyterHub's application.
    """
    found = set()
    for known in app.db.query(orm.Spawner):
        state = known.state or {}
        found |= {state.get("application_id", ""), state.get("app_id", "")}
    for user in app.users.values():
        for spawner in user.spawners.values():
            found.add(getattr(spawner, "application_id", ""))
            if spawner.pending:
                found.add(getattr(spawner, "identity", ""))
    return found - {""}


async def log_orphans(holder: Holder, app: Any) -> None:
    """Log the servers that belong to no user, once the hub has loaded its own."""
    await asyncio.sleep(_SETTLED)
    try:
        found = await orphans(holder, partial(claimed, app))
    except YarnhubError as error:
        _log.warning("the servers that run on YARN could not be determined: %s", error)
        return
    for session in found:
        _log.warning(
            "%s runs as %s and belongs to no user, as after a loss of the database: DELETE "
            "%sapi/yarnspawner/orphans ends it",
            session.id,
            session.user,
            app.hub.base_url,
        )


class OrphansHandler(APIHandler):
    """Lists and kills servers that belong to no user."""

    @needs_scope("admin:servers")
    async def get(self) -> None:
        """List them."""
        self.write(json.dumps([_model(session) for session in await self._orphans()]))

    @needs_scope("admin:servers")
    async def delete(self) -> None:
        """Kill them; the response lists the servers that have ended."""
        ended = await kill(await self._orphans())
        self.write(json.dumps([_model(session) for session in ended]))

    async def _orphans(self) -> list[Session]:
        some = self.db.query(orm.User).first()
        if some is None:
            return []
        # Any user's spawner finds the sessions of all users.
        holder = self.users[some].spawner.holder_of_all()
        return await orphans(holder, partial(claimed, self.app))


def _model(session: Session) -> dict[str, str]:
    return {"application": session.id, "user": session.user}
