"""The dashboards of Dask clusters, for their owners only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiohttp import web
from dask_gateway_server.models import ClusterStatus
from yarl import URL

if TYPE_CHECKING:
    from yarnhub.server.dask_gateway.browser_login import BrowserLogin
    from yarnhub.server.dask_gateway.identities import Identity
    from yarnhub.server.dask_gateway.relay import Relay


class Dashboards:
    """The pages below `clusters/<name>/`.

    dask-gateway's proxy would serve them to everybody who knows the name.

    Args:
        prefix: What the service's paths begin with; ends with a slash.
        backend: dask-gateway's, which knows the clusters.
        login: Tells who a request is from.
        relay: Passes requests on.
    """

    def __init__(
        self,
        prefix: str,
        backend: Any,  # dask-gateway has no types
        login: BrowserLogin,
        relay: Relay,
    ) -> None:
        self._prefix = prefix
        self._backend = backend
        self._login = login
        self._relay = relay

    def routes(self) -> list[web.RouteDef]:
        """The routes; only GET and HEAD, which change nothing."""
        cluster = f"{self._prefix}clusters/{{name}}"
        return [
            web.get(f"{self._prefix}oauth_callback", self._login.finish, allow_head=False),
            web.get(cluster, self._first),
            web.get(f"{cluster}/", self._first),
            web.get(f"{cluster}/{{page:.+}}", self._show),
        ]

    async def _first(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        raise web.HTTPFound(str(URL(self._prefix) / "clusters" / name / "status"))

    async def _show(self, request: web.Request) -> web.StreamResponse:
        identity = await self._login.identity(request)
        address = await self._address(identity, request.match_info["name"])
        url = URL(address).with_path(f"/{request.match_info['page']}")
        url = url.with_query(request.rel_url.query)
        if request.headers.get("Upgrade", "").lower() != "websocket":
            return await self._relay.page(request, str(url), identity)

        async def is_allowed() -> bool:
            try:
                return await self._login.identity(request) == identity
            except web.HTTPServiceUnavailable:
                return True
            except web.HTTPException:
                return False

        return await self._relay.websocket(request, str(url), identity, is_allowed)

    async def _address(self, identity: Identity, name: str) -> str:
        """Where a user's cluster has its dashboard.

        Raises:
            HTTPNotFound: The user has no such cluster; others' clusters are not told apart.
            HTTPConflict: It has no dashboard.
        """
        cluster = await self._backend.get_cluster(name)
        if cluster is None or cluster.username != identity.cluster_user:
            raise web.HTTPNotFound(text="You have no Dask cluster with this name.")
        if cluster.status != ClusterStatus.RUNNING:
            raise web.HTTPConflict(text="This Dask cluster is not running.")
        if not cluster.dashboard_address:
            raise web.HTTPConflict(
                text="This Dask cluster has no dashboard: its environment needs the package bokeh."
            )
        return str(cluster.dashboard_address)
