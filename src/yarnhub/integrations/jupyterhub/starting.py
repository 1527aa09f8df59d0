"""The part of the spawner that starts a server, and says meanwhile what it waits for."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from jupyterhub.utils import make_ssl_context

from yarnhub.base.errors import ConnectError, YarnhubError
from yarnhub.base.foreign_text import clean_and_cut
from yarnhub.integrations.jupyterhub import words
from yarnhub.integrations.jupyterhub.asking import Asking
from yarnhub.integrations.jupyterhub.names import SERVICE
from yarnhub.integrations.jupyterhub.refusals import Refusal, telling_why
from yarnhub.sessions.ports.challenge import check_server
from yarnhub.sessions.ports.proof import ImpostorError
from yarnhub.sessions.progress import Start

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Callable

    from yarnhub.client.explain.explanation import Explanation
    from yarnhub.sessions.holder import Holder
    from yarnhub.sessions.session import End, Session
    from yarnhub.spec import ApplicationSpec

_LOOK = 0.25
"""Seconds between two looks at a server that is being started; they cost no request."""
_EXPLAIN = 2.0
"""Seconds between two explanations of why a server waits; the first one is after as many."""
_PLACED = 10.0
"""Seconds until it is known on which node a server that asks is: it listens everywhere then."""
_LEFT = 5.0
"""Seconds of `start_timeout` that are left for finding out, and saying, why it was too short."""


class Starting(Asking):
    """A spawner that starts a server; it stands before JupyterHub's own class.

    Attributes:
        application_id: The server's; empty if there is none.
        ended_because: Why the one before has ended, for its user.
    """

    application_id = ""
    ended_because = ""

    servers: Callable[[], Holder]  # what is below is of the class that this is a part of
    watch: Callable[[Session | None], None]
    server: Any  # JupyterHub's own, as those below
    log: Any
    api_token: str
    internal_ssl: bool
    _log_name: str
    _spawn_pending: bool

    _running: Session | None = None
    _ended: End | None = None
    _spec: ApplicationSpec | None = None
    _master = ""
    """Where the server's ApplicationMaster is: a profile may say."""
    _reporting: asyncio.Future[int] | None = None
    """The port, while the server is being started."""
    _told_error = ""
    """What the server has told instead of its port."""
    _explanation: Explanation | None = None
    _explain_at = 0.0

    @property
    def who(self) -> str:
        """Whose server, for the log: of names it takes any."""
        return clean_and_cut(self._log_name, lines=False)

    async def start(self) -> str:
        """Start a server; returns its URL once it has proven that it answers there.

        An error or cancelling leaves nothing behind on the cluster.

        Raises:
            SpawnException: It was not started, or was not ready in time; its message says why, for
                the user.
        """
        loop = asyncio.get_running_loop()
        self._running = self._ended = self._explanation = None
        self.ended_because = ""
        self._explain_at = loop.time() + _EXPLAIN
        self._told_error = ""
        self._reporting = loop.create_future()
        try:
            with telling_why(self.log, self.who):
                return await self._in_time(self._reporting)
        finally:
            self._reporting = None

    async def _in_time(self, reporting: asyncio.Future[int]) -> str:
        """The URL of the server, before JupyterHub's own limit ends it without a reason."""
        left = min(_LEFT, self.start_timeout / 10)
        limit = asyncio.timeout(self.start_timeout - left)
        try:
            async with limit:
                return await self._ready(reporting)
        except TimeoutError as error:
            if not limit.expired():
                raise
            why = await self._why_overdue(left / 2)
            raise Refusal(why, reason="timeout", status_code=504) from error

    async def _ready(self, reporting: asyncio.Future[int]) -> str:
        """The URL of the server that is chosen, once it answers there."""
        request = await self.chosen_request()
        self._master = request.application_master
        self._spec = await self.modified(request.specification)
        self._running = server = await self.servers().start(self._spec, request.secrets)
        self.application_id = server.id
        self.log.info("%s's server is %s", self.who, server.id)
        node, port = await self._reported(server, reporting)
        self.watch(server)
        return f"{'https' if self.internal_ssl else 'http'}://{node}:{port}"

    async def _why_overdue(self, patience: float) -> str:
        """What is known of a server that has taken too long."""
        self._explain_at = 0
        try:
            async with asyncio.timeout(patience):
                known = await self._known()
        except TimeoutError:
            known = replace(self._last, sight=None)
        return words.overdue(known, self.start_timeout)

    async def _reported(self, server: Session, port: asyncio.Future[int]) -> tuple[str, int]:
        """Where a server listens, once it does: until then it may still fail."""
        while True:
            if end := await server.end():
                self._ended = end
            if self._told_error:
                said = f"The server's program cannot run: {self._told_error}"
                raise Refusal(said, reason="ended", status_code=500)
            if end:
                said = f"The server ended before it was ready: {words.ended(end.outcome)}"
                raise Refusal(said, reason="ended", status_code=500)
            node = await self._node(server)
            if node and port.done():
                with contextlib.suppress(ConnectError):
                    await self._check(node, port.result())
                    return node, port.result()
            await asyncio.sleep(_LOOK)

    async def _node(self, server: Session) -> str:
        """Where a server's container is; empty while it has none, or nobody can say."""
        try:
            return (await server.sight()).node
        except YarnhubError:  # it has ended just now, or nobody can say for the moment
            return ""

    async def _check(self, node: str, port: int) -> None:
        """Make sure that it is the user's server that answers; see `check_server`."""
        try:
            await check_server(
                node, port, prefix=self.server.base_url, token=self.api_token, tls=await self._tls()
            )
        except ImpostorError as error:
            raise Refusal(
                f"Your server was not started: another program answers at port {port} of {node}: "
                f"{error}. Start it again, and tell the hub's administrator if that does not "
                "help: the server's environment may have another version of yarnhub.",
                reason="impostor",
                status_code=500,
            ) from error

    async def _tls(self) -> ssl.SSLContext | None:
        """What the hub and its servers prove themselves by, with `internal_ssl`."""
        kept = self.user.settings
        made: ssl.SSLContext | None = await asyncio.to_thread(
            make_ssl_context,
            kept.get("internal_ssl_key"),
            kept.get("internal_ssl_cert"),
            cafile=kept.get("internal_ssl_ca"),
        )
        return made

    async def place(self) -> dict[str, object]:
        """Where the server that is being started shall listen, for the server itself."""
        addresses = [self.ip] if self.ip else await self._addresses()
        first, last = self.ports
        return {"addresses": addresses, "strict": bool(self.ip), "first": first, "last": last}

    async def _addresses(self) -> list[str]:
        """Those at which the hub reaches the server's node; none if it is not known."""
        loop = asyncio.get_running_loop()
        with contextlib.suppress(TimeoutError, OSError):
            async with asyncio.timeout(_PLACED):
                while self._running is None or not (node := await self._node(self._running)):
                    await asyncio.sleep(_LOOK)
                found = await loop.getaddrinfo(node, 0, type=socket.SOCK_STREAM)
                return list(dict.fromkeys(str(each[4][0]) for each in found))
        return []

    def report_port(self, port: int) -> None:
        """The server has told its port, with its own token."""
        if self._reporting is not None and not self._reporting.done():
            self._reporting.set_result(port)

    def report_error(self, error: str) -> None:
        """The server has told, with its own token, that it will have no port, and why."""
        if self._reporting is not None:
            self._told_error = error

    async def progress(self) -> AsyncIterator[dict[str, object]]:
        """What happens to a server that is being started, one message for each change."""
        said = None
        while self._spawn_pending:  # before `start`, too, and until the hub has had an answer
            known = await self._known()
            message: dict[str, object] = {
                "progress": known.stage.value,
                "message": words.progress(known),
            }
            if message != said:
                said = message
                yield message
            await asyncio.sleep(_LOOK)

    @property
    def _last(self) -> Start:
        """What is known without asking."""
        queue, files = self.queue, sorted(self.localize_files)
        if self._spec is not None:  # a profile may say others
            queue, files = self._spec.queue, sorted(self._spec.services[SERVICE].files)
        reporting, running = self._reporting, self._running
        return Start(
            queue=queue,
            asked=reporting is not None or running is not None,
            files=files,
            application=running.id if running else "",
            explanation=self._explanation,
            port=reporting.result() if reporting and reporting.done() else 0,
            ready=reporting is None and running is not None,
        )

    async def _known(self) -> Start:
        if self._running is None:
            return self._last
        sight = None
        with contextlib.suppress(YarnhubError):
            sight = await self._running.sight()
            await self._explain(self._running)
        return replace(self._last, sight=sight)

    async def _explain(self, server: Session) -> None:
        """Have why it waits looked up again, for all who look at it."""
        now = asyncio.get_running_loop().time()
        if now >= self._explain_at:
            self._explain_at = now + _EXPLAIN
            self._explanation = await self.servers().explain(server)
