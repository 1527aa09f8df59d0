"""The reasons of ends on YARN, in those answers of dask-gateway's API that its client shows.

Its models of clusters have no field for a reason, and its client accepts none that it does not
know. A client raises the text of an error, and warns with the message of an answer to scale or to
adapt.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from aiohttp import web
from dask_gateway_server.backends.db_base import JobStatus

from yarnhub.control.words import adds_detail, brief

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from yarnhub.control.outcomes import Outcome

    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

SEE_LOG = "see the log of dask-gateway's server"
_MORE_MEMORY = "increase worker_memory or scheduler_memory"
_OK, _FORBIDDEN, _NOT_FOUND, _CONFLICT = 200, 403, 404, 409


class News:
    """What users do not know of: workers that have ended, and why others wait."""

    def __init__(self) -> None:
        self._ends: dict[str, tuple[int, str]] = {}
        self._waits: dict[str, str] = {}

    def add_end(self, cluster: str, reason: str) -> None:
        """A worker of a cluster has ended by itself."""
        count, _ = self._ends.get(cluster, (0, ""))
        self._ends[cluster] = count + 1, reason

    def set_wait(self, cluster: str, reason: str) -> None:
        """New workers of a cluster wait; they do not if the reason is empty."""
        self._waits[cluster] = reason

    def take(self, cluster: str) -> str:
        """What to tell a cluster's owner, once; empty if there is nothing."""
        count, reason = self._ends.pop(cluster, (0, ""))
        told = [self._waits.pop(cluster, "")]
        if count == 1:
            told.append(f"A worker has ended. {reason}")
        elif count:
            told.append(f"{count} workers have ended, the last one so: {reason}")
        return " ".join(filter(None, told))

    def keep(self, clusters: set[str]) -> None:
        """Forget the other clusters."""
        for known in (self._ends, self._waits):
            for gone in known.keys() - clusters:
                del known[gone]


def why(outcome: Outcome) -> str:
    """Why something of a Dask cluster ended, followed by YARN's own diagnostics."""
    text = brief(outcome, _MORE_MEMORY)
    if outcome.container:
        text = f"{outcome.container} ended. {text}"
    return f"{text} YARN's diagnostics: {outcome.raw}" if adds_detail(outcome) else text


def one_line(text: str) -> str:
    """A text for the status line of an HTTP response."""
    return " ".join(text.split())


def middleware(backend: Any, news: News) -> Any:  # aiohttp's middlewares are typed loosely
    """Add reasons to what dask-gateway answers those who are allowed to ask.

    Another user's cluster is not found, as if it did not exist: the client shows no text of a 403.

    Args:
        backend: The `DBBackendBase`.
        news: Those of its clusters.
    """

    @web.middleware
    async def with_reasons(request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await handler(request)
        name = request.match_info.get("cluster_name", "")
        # Users whom the authenticator refuses are not in the request.
        if name and response.status == _FORBIDDEN and "user" in request:
            return web.json_response({"error": f"Cluster {name} not found"}, status=_NOT_FOUND)
        cluster = backend.db.get_cluster(name) if name else None
        if cluster is None or not isinstance(response, web.Response):
            return response
        waits = request.method == "GET" and "wait" in request.query
        changes = request.method == "POST" and request.path.endswith(("/scale", "/adapt"))
        failed = cluster.target == JobStatus.FAILED
        if failed and (
            (waits and response.status == _OK) or (changes and response.status == _CONFLICT)
        ):
            what = "is not running" if cluster.scheduler_address else "failed to start"
            reason = cluster.state.get("reason") or SEE_LOG
            return web.json_response(
                {"error": f"Cluster {name!r} {what}: {reason}"}, status=_CONFLICT
            )
        if changes and response.status == _OK and (told := news.take(name)):
            answer = json.loads(response.text or "{}")
            both = [text for text in (answer.get("msg"), told) if text]
            return web.json_response({**answer, "ok": False, "msg": " ".join(both)})
        return response

    return with_reasons
