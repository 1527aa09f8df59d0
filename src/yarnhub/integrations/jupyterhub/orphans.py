"""Holder that run and that none of the hub's users has: after a lost database, say.

`GET /hub/api/yarnspawner/orphans` lists them, `DELETE` ends them; for who may administrate servers.
"""

from __future__ import annotations

import asyncio
import json
import logging
from typing import TYPE_CHECKING, Any

from jupyterhub import orm
from jupyterhub.apihandlers import default_handlers
from jupyterhub.apihandlers.base import APIHandler
from jupyterhub.scopes import needs_scope

from yarnhub.base.errors import YarnhubError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from yarnhub.sessions.holder import Holder
    from yarnhub.sessions.session import Session

_log = logging.getLogger(__name__)

PATH = r"/api/yarnspawner/orphans"
_SETTLED = 60.0
"""Seconds after which a hub that was started knows the servers of all its users."""


async def orphans(servers: Holder, app: Any) -> list[Session]:
    """Holder that this hub started, that run, and that nobody has.

    Args:
        servers: All servers of the hub.
        app: JupyterHub's application.

    Raises:
        YarnhubError: Nobody can say.
    """
    # Before it is asked who has one: what is started meanwhile has somebody by then.
    found = await servers.all()
    claimed = _claimed(app)
    return [server for server in found if not claimed & {server.id, server.identity}]


def _claimed(app: Any) -> set[str]:
    """Ids of the applications that users have, and identities of servers that are being started."""
    claimed = set()
    for known in app.db.query(orm.Spawner):
        state = known.state or {}
        claimed |= {state.get("application_id", ""), state.get("app_id", "")}
    for user in app.users.values():
        for spawner in user.spawners.values():
            claimed.add(getattr(spawner, "application_id", ""))
            if spawner.pending:
                claimed.add(getattr(spawner, "identity", ""))
    return claimed - {""}


async def tell_of_orphans(servers: Holder, app: Any) -> None:
    """Log, once the hub has settled, what runs for nobody."""
    await asyncio.sleep(_SETTLED)
    try:
        found = await orphans(servers, app)
    except YarnhubError as error:
        _log.warning("it is not known which servers run on YARN: %s", error)
        return
    for server in found:
        _log.warning(
            "%s runs as %s and is no user's server, as after a lost database: DELETE "
            "%sapi/yarnspawner/orphans ends it",
            server.id,
            server.user,
            app.hub.base_url,
        )


async def end(servers: Iterable[Session]) -> list[Session]:
    """End servers; returns those that have ended. One that cannot be ended stops nobody."""
    ended = []
    for server in servers:
        try:
            await server.stop(now=True)
        except YarnhubError as error:
            _log.warning("%s may run on: %s", server.id, error)
        else:
            ended.append(server)
    return ended


class OrphansHandler(APIHandler):
    """Lists and ends servers that nobody has."""

    @needs_scope("admin:servers")
    async def get(self) -> None:
        """List them."""
        self.write(json.dumps([_model(server) for server in await self._orphans()]))

    @needs_scope("admin:servers")
    async def delete(self) -> None:
        """End them; answers with those that were."""
        ended = await end(await self._orphans())
        self.write(json.dumps([_model(server) for server in ended]))

    async def _orphans(self) -> list[Session]:
        some = self.db.query(orm.User).first()
        if some is None:
            return []
        # Any user's spawner knows the hub's.
        return await orphans(self.users[some].spawner.on_yarn(), self.app)


def _model(server: Session) -> dict[str, str]:
    return {"application": server.id, "user": server.user}


def install() -> None:
    """Add the handler to those of the hub."""
    if (PATH, OrphansHandler) not in default_handlers:
        default_handlers.append((PATH, OrphansHandler))
