"""`YarnSpawner`: each user's server in a YARN container that runs as the user."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit

from jupyterhub.app import JupyterHub
from jupyterhub.spawner import Spawner
from jupyterhub.utils import make_ssl_context
from tornado.web import HTTPError
from traitlets import Unicode, default

from yarnhub.base.errors import ConnectError, YarnhubError
from yarnhub.integrations.jupyterhub import callback, orphans
from yarnhub.integrations.jupyterhub.asking import Asking
from yarnhub.integrations.jupyterhub.background import in_background
from yarnhub.integrations.jupyterhub.certificates import alternative_names, read_certificates
from yarnhub.integrations.jupyterhub.cluster_servers import ClusterServers
from yarnhub.integrations.jupyterhub.hub_servers import HubServers
from yarnhub.integrations.jupyterhub.progress import Start
from yarnhub.integrations.jupyterhub.proof import ImpostorError
from yarnhub.integrations.jupyterhub.reaching import check_server
from yarnhub.integrations.jupyterhub.refusals import Refusal, refusal
from yarnhub.integrations.jupyterhub.request import SERVICE
from yarnhub.integrations.jupyterhub.running import End

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Iterator

    from yarnhub.client.explain import Explanation
    from yarnhub.integrations.jupyterhub.running import Server, Servers
    from yarnhub.spec import ApplicationSpec

_LOOK = 0.25
"""Seconds between two looks at a server that is being started; they cost no request."""
_EXPLAIN = 2.0
"""Seconds between two explanations of why a server waits; the first one is after as many."""
_PLACED = 10.0
"""Seconds until it is known on which node a server that asks is: it listens everywhere then."""
_TAKE_OVER = 5.0
"""Seconds that a poll waits for the servers of the hub before this one."""
_LEFT = 5.0
"""Seconds of `start_timeout` that are left for finding out, and saying, why it was too short."""
_STATE_VERSION = 1

callback.install()
orphans.install()


class YarnSpawner(Asking, Spawner):
    """Starts each user's server in a YARN container that runs as the user.

    The hub's user needs the cluster's leave to act for its users: `hadoop.proxyuser.<hub>.hosts`
    and `.groups`.
    """

    application_master_host = Unicode(
        help="""Where containers reach this process. By default the host of the hub's API, as
        servers are told it.""",
    ).tag(config=True)

    ssl_alt_names: Any  # JupyterHub's own, as those below
    server: Any
    api_token: str
    _spawn_pending: bool
    _shared: ClassVar[dict[tuple[object, ...], Servers]] = {}
    """By what they depend on: one for all spawners of a hub."""
    _telling: ClassVar[set[asyncio.Task[None]]] = set()
    """Of orphans, once; it ends by itself."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # Any: JupyterHub's own
        super().__init__(*args, **kwargs)
        self.application_id = ""
        self._running: Server | None = None
        self._ended: End | None = None
        self.ended_because = ""
        self._reporting: asyncio.Future[int] | None = None  # while it is being started
        self._told_error = ""  # what it has told instead of its port
        self._explanation: Explanation | None = None
        self._watching: asyncio.Task[None] | None = None
        self.certificates: dict[str, bytes] = {}
        self._explain_at = 0.0
        self._spec: ApplicationSpec | None = None
        self._master = ""  # of the server: a profile may say which

    @default("application_master_host")
    def _hub_host(self) -> str:
        return urlsplit(self.hub_connect_url or self.hub.api_url).hostname or "localhost"

    # --- state

    def load_state(self, state: dict[str, Any]) -> None:
        """Restore what `get_state` gave."""
        super().load_state(state)
        # yarnspawner 0.4 wrote `app_id`; its applications cannot be held, but can be asked about.
        self.application_id = state.get("application_id") or state.get("app_id") or ""
        self._master = state.get("application_master", "")
        self.ended_because = state.get("ended_because", "")

    def get_state(self) -> dict[str, Any]:
        """What finds the server again after the hub was restarted."""
        state: dict[str, Any] = super().get_state()
        if self.application_id:
            state |= {"application_id": self.application_id, "version": _STATE_VERSION}
            state["application_master"] = self._master or self.application_master
        elif self.ended_because:
            state["ended_because"] = self.ended_because
        return state

    def clear_state(self) -> None:
        """Forget the server: it has ended."""
        super().clear_state()
        self._watch(None)
        # Pages say it, of a spawner that is made anew out of this state.
        self.ended_because = self._ended.reason if self._ended else ""
        self.application_id = self._master = ""
        self._running = self._spec = None

    # --- JupyterHub's contract

    async def start(self) -> str:
        """Start a server; returns its URL once it has reported its port.

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
            with self._telling_why():
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

    @contextlib.contextmanager
    def _telling_why(self) -> Iterator[None]:
        """Have an error say to the user why there is no server."""
        try:
            yield
        except HTTPError:  # a refusal, or what a hook says
            raise
        except YarnhubError as error:
            raise refusal(error) from error
        except Exception as error:
            self.log.exception("%s's server is not started", self._log_name)
            raise Refusal(
                "Your server was not started: something went wrong in the hub, whose log says "
                "more. Tell its administrator.",
                reason="error",
                status_code=500,
            ) from error

    async def _ready(self, reporting: asyncio.Future[int]) -> str:
        """The URL of the server that is chosen, once it answers there."""
        request = await self.chosen_request()
        self._master = request.application_master
        self._spec = await self.modified(request.specification)
        self._running = server = await self.servers().start(self._spec, request.secrets)
        self.application_id = server.id
        self.log.info("%s's server is %s", self._log_name, server.id)
        node, port = await self._reported(server, reporting)
        self._watch(server)
        return f"{'https' if self.internal_ssl else 'http'}://{node}:{port}"

    async def _why_overdue(self, patience: float) -> str:
        """What is known of a server that has taken too long."""
        self._explain_at = 0
        try:
            async with asyncio.timeout(patience):
                known = await self._known()
        except TimeoutError:
            known = replace(self._last, sight=None)
        return known.overdue(self.start_timeout)

    async def _reported(self, server: Server, port: asyncio.Future[int]) -> tuple[str, int]:
        """Where a server listens, once it does: until then it may still fail."""
        while True:
            if end := await server.end():
                self._ended = end
            if self._told_error:
                said = f"The server's program cannot run: {self._told_error}"
                raise Refusal(said, reason="ended", status_code=500)
            if end:
                said = f"The server ended before it was ready: {end.reason}"
                raise Refusal(said, reason="ended", status_code=500)
            node = await self._node(server)
            if node and port.done():
                with contextlib.suppress(ConnectError):
                    await self._check(node, port.result())
                    return node, port.result()
            await asyncio.sleep(_LOOK)

    async def _node(self, server: Server) -> str:
        """Where a server's container is; empty while it has none, or nobody can say."""
        try:
            return (await server.sight()).node
        except YarnhubError:  # it has ended just now, or nobody can say for the moment
            return ""

    async def _check(self, node: str, port: int) -> None:
        """Make sure that it is the user's server that answers; see `check_server`."""
        try:
            await check_server(
                node, port, prefix=self.server.base_url, token=self.api_token, tls=self._tls()
            )
        except ImpostorError as error:
            raise Refusal(
                f"Your server is not opened: another program answers at port {port} of {node}: "
                f"{error}. Start it again, and tell the hub's administrator if that does not "
                "help: the server's environment may have another version of yarnhub.",
                reason="impostor",
                status_code=500,
            ) from error

    def _tls(self) -> ssl.SSLContext | None:
        """What the hub and its servers prove themselves by, with `internal_ssl`."""
        kept = self.user.settings
        made: ssl.SSLContext | None = make_ssl_context(
            kept.get("internal_ssl_key"),
            kept.get("internal_ssl_cert"),
            cafile=kept.get("internal_ssl_ca"),
        )
        return made

    async def place(self) -> dict[str, object]:
        """Where the server that is being started shall listen, for the server itself."""
        addresses = [self.ip] if self.ip else await self._addresses()
        first, last = self.ports
        return {"addresses": addresses, "first": first, "last": last}

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

    async def poll(self) -> int | None:
        """None while the server runs or nobody can say; else 0, or 1 if something went wrong."""
        if self._reporting is not None:
            return None
        if not self.application_id:
            return 0
        if self._ended is None:
            self._ended = await self._look()
            if self._ended is not None:
                said = self._ended.diagnostics
                self.log.info("%s's server has ended: %s", self._log_name, said)
        return None if self._ended is None else self._ended.code

    async def _look(self) -> End | None:
        try:
            async with asyncio.timeout(_TAKE_OVER):
                if self._running is None:
                    found = await self.servers().find(self.application_id)
                    if found is None or isinstance(found, End):
                        return found
                    self._running = found
                    self._watch(found)
                return await self._running.end()
        except (YarnhubError, TimeoutError) as error:
            self.log.warning("nobody says how %s is: %s", self.application_id, error)
            return None

    async def stop(self, now: bool = False) -> None:  # noqa: FBT001, FBT002  # JupyterHub's own
        """End the server; returns when its container is gone.

        Args:
            now: Without its grace period.

        Raises:
            YarnhubError: YARN cannot be told; the server may run on.
        """
        if self._running is None and self.application_id:
            found = await self.servers().find(self.application_id)
            if found is None:
                raise ConnectError(f"{self.application_id} is not stopped: YARN cannot be asked")
            self._running = None if isinstance(found, End) else found
        self._watch(None)
        if self._running is not None:
            await self._running.stop(now=now)
            self._ended = End(0, "it was stopped")

    def _watch(self, server: Server | None) -> None:
        """Have the hub know at once when this server ends, and of no other one."""
        # The hub's own answer to an end comes here from within the task that told it.
        if self._watching is not None and self._watching is not asyncio.current_task():
            self._watching.cancel()
        self._watching = None
        if server is not None:
            self._watching = in_background(self._tell(server), f"end of {server.id}")

    async def _tell(self, server: Server) -> None:
        with contextlib.suppress(YarnhubError):  # nobody can say: the hub polls on
            await server.ended()
            await self.poll_and_notify()

    async def progress(self) -> AsyncIterator[dict[str, object]]:
        """What happens to a server that is being started, one message for each change."""
        said = None
        while self._spawn_pending:  # before `start`, too, and until the hub has had an answer
            message = (await self._known()).message
            if message != said:
                said = message
                yield {"progress": message.percent, "message": message.text}
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

    async def _explain(self, server: Server) -> None:
        """Have why it waits looked up again, for all who look at it."""
        now = asyncio.get_running_loop().time()
        if now >= self._explain_at:
            self._explain_at = now + _EXPLAIN
            self._explanation = await self.servers().explain(server)

    # --- internal_ssl

    async def create_certs(self) -> dict[str, str]:
        """Make certificates that hold on each node: which one it will be is not known yet."""
        chosen = self.ssl_alt_names
        if not callable(chosen):
            with self._telling_why():
                nodes = alternative_names(await self.servers().nodes())
            self.ssl_alt_names = [*chosen, *(name for name in nodes if name not in chosen)]
        made: dict[str, str] = await super().create_certs()
        return made

    async def move_certs(self, paths: dict[str, str]) -> dict[str, str]:
        """Have the container find them in its token file; returns their names there."""
        names, self.certificates = await asyncio.to_thread(read_certificates, paths)
        return names

    # --- where servers run

    def servers(self) -> Servers:
        """All servers of the hub that run as this one does."""
        if not self._telling:
            telling = orphans.tell_of_orphans(self.on_yarn(), JupyterHub.instance())
            self._telling.add(in_background(telling, "orphans"))
        return self._servers_of(self._master or self.application_master)

    def on_yarn(self) -> Servers:
        """All servers of the hub as YARN knows them, wherever their ApplicationMasters are."""
        return self._servers_of("cluster")

    def _servers_of(self, master: str) -> Servers:
        folder = Path(self.applications_folder).absolute()
        where: tuple[object, ...] = (master, folder)
        if master == "hub":
            where = (*where, self.application_master_host)
        key = (self.principal, self.keytab, *where)
        if key not in self._shared:
            settings = self.settings()
            self._shared[key] = (
                HubServers(
                    settings, self.hub_tags, folder=folder, host=self.application_master_host
                )
                if master == "hub"
                else ClusterServers(settings, self.hub_tags)
            )
        return self._shared[key]
