"""Servers that run and that none of the hub's users has: after a lost database, say.

`GET /hub/api/yarnspawner/orphans` lists them, `DELETE` ends them; for administrators of servers.
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
from yarnhub.sessions.orphans import end, orphans

if TYPE_CHECKING:
    from yarnhub.sessions.holder import Holder
    from yarnhub.sessions.session import Session

_log = logging.getLogger(__name__)

PATH = r"/api/yarnspawner/orphans"
_SETTLED = 60.0
"""Seconds after which a hub that was started knows the servers of all its users."""


def claimed(app: Any) -> set[str]:
    """Ids of the applications that users have, and identities of servers that are being started.

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
    """Log, once the hub has settled, what runs and belongs to no user."""
    await asyncio.sleep(_SETTLED)
    try:
        found = await orphans(holder, partial(claimed, app))
    except YarnhubError as error:
        _log.warning("it is not known which servers run on YARN: %s", error)
        return
    for session in found:
        _log.warning(
            "%s runs as %s and is no user's server, as after a lost database: DELETE "
            "%sapi/yarnspawner/orphans ends it",
            session.id,
            session.user,
            app.hub.base_url,
        )


class OrphansHandler(APIHandler):
    """Lists and ends servers that belong to no user."""

    @needs_scope("admin:servers")
    async def get(self) -> None:
        """List them."""
        self.write(json.dumps([_model(session) for session in await self._orphans()]))

    @needs_scope("admin:servers")
    async def delete(self) -> None:
        """End them; the response lists those that have ended."""
        ended = await end(await self._orphans())
        self.write(json.dumps([_model(session) for session in ended]))

    async def _orphans(self) -> list[Session]:
        some = self.db.query(orm.User).first()
        if some is None:
            return []
        # The spawner of any user finds the sessions of all.
        holder = self.users[some].spawner.holder_of_all()
        return await orphans(holder, partial(claimed, self.app))


def _model(session: Session) -> dict[str, str]:
    return {"application": session.id, "user": session.user}
