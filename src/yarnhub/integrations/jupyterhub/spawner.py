"""`YarnSpawner`: each user's server in a YARN container that runs as the user."""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

from jupyterhub.apihandlers import default_handlers
from jupyterhub.utils import make_ssl_context
from traitlets import default

from yarnhub.base.deadline import Deadline
from yarnhub.base.errors import ConnectError, YarnhubError
from yarnhub.base.foreign_text import clean_and_cut
from yarnhub.control.outcomes import Cause, Outcome, Subject
from yarnhub.control.words import describe
from yarnhub.integrations.jupyterhub import orphans, port_handler, requests_handler, words
from yarnhub.integrations.jupyterhub.certificates import alternative_names, read_certificates
from yarnhub.integrations.jupyterhub.hub_sessions import HubSessions
from yarnhub.integrations.jupyterhub.offer import Offer
from yarnhub.integrations.jupyterhub.refusals import Refusal, telling_why
from yarnhub.integrations.jupyterhub.server_environment import ServerEnvironment
from yarnhub.integrations.jupyterhub.server_request import modified, request_of
from yarnhub.integrations.jupyterhub.server_size import ServerSize
from yarnhub.integrations.jupyterhub.server_spark import ServerSpark
from yarnhub.integrations.jupyterhub.server_token import ServerToken
from yarnhub.integrations.jupyterhub.traits import SpawnerTraits
from yarnhub.sessions.ports.proof import ImpostorError
from yarnhub.sessions.ports.server_check import check_server
from yarnhub.sessions.progress import Progress
from yarnhub.sessions.session import SessionEnd
from yarnhub.sessions.start import SessionStart

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    from yarnhub.sessions.holder import Holder
    from yarnhub.sessions.request import SessionRequest
    from yarnhub.sessions.session import Session
    from yarnhub.sessions.tags import HubTags

_TAKE_OVER = 5.0
"""Seconds that a poll waits for the sessions of an earlier hub to be taken over."""
_LEFT = 5.0
"""Seconds of `start_timeout` that are reserved for determining why it was exceeded."""
_LOOK = 0.25
"""Seconds between two checks of a start's progress."""
_STATE_VERSION = 1
_STOPPED = SessionEnd(
    0, Outcome(cause=Cause.REQUESTED, subject=Subject.APPLICATION, raw="it was stopped")
)

# JupyterHub adds handlers of authenticators, but not of spawners, and `extra_handlers` is for
# administrators. It reads this list after it has imported its spawner.
default_handlers += [
    (port_handler.PATH, port_handler.PortHandler),
    (orphans.PATH, orphans.OrphansHandler),
    (requests_handler.PATH, requests_handler.RequestsHandler),
]


class YarnSpawner(SpawnerTraits):
    """Starts each user's server in a YARN container that runs as the user.

    The cluster must allow the hub's user to act for its users: `hadoop.proxyuser.<hub>.hosts`
    and `.groups`.

    Attributes:
        application_id: The id of the server's application; empty if no server is running.
        identity: The tag of the server on the cluster; empty until it is started.
        ended_because: Why the last server ended, as a message for its user.
        offer: What the user can choose.
        certificates: The server's, with `internal_ssl`.
        environment_of_server: The environment that the server runs in.
        server_size: What the server holds.
        server_spark: Spark for the server.
        server_token: Recognizes the server's API token.
    """

    ssl_alt_names: Any  # JupyterHub's own
    application_id = ""
    identity = ""
    ended_because = ""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # Any: JupyterHub's own
        self.offer = Offer(self, lambda: self.hub_sessions.queues(self))
        self.certificates: dict[str, bytes] = {}
        self.environment_of_server = ServerEnvironment(self)
        self.server_size = ServerSize(self)
        self.server_spark = ServerSpark(self, lambda: self.hub_sessions.applications(self))
        self.server_token = ServerToken(self)
        self._master = ""
        """Where the server's ApplicationMaster runs; a profile can set it."""
        self._start: SessionStart | None = None
        self._session: Session | None = None
        self._ended: SessionEnd | None = None
        self._watching: asyncio.Task[None] | None = None
        super().__init__(*args, **kwargs)

    @property
    def who(self) -> str:
        """The server's user, for the log: names may contain any character."""
        return clean_and_cut(self._log_name, lines=False)

    # --- state

    def load_state(self, state: dict[str, Any]) -> None:
        """Restore the state that `get_state` returned."""
        super().load_state(state)
        # yarnspawner 0.4 wrote `app_id`; its applications can be monitored, but not held.
        self.application_id = state.get("application_id") or state.get("app_id") or ""
        self._master = state.get("application_master", "")
        self.ended_because = state.get("ended_because", "")
        self.server_spark.load(state)
        self.server_token.load(state)
        self.server_size.load(state)
        # A hub that was killed while a server stopped may have kept the state without the server.
        if self.application_id and self.server is not None:
            self.hub_sessions.servers.add(self.server_size)

    def get_state(self) -> dict[str, Any]:
        """The state with which a restarted hub finds the server."""
        state: dict[str, Any] = super().get_state()
        if self.application_id:
            state |= {"application_id": self.application_id, "version": _STATE_VERSION}
            state["application_master"] = self._master or self.application_master
            state |= self.server_spark.state | self.server_token.state | self.server_size.state
        elif self.ended_because:
            state["ended_because"] = self.ended_because
        return state

    def clear_state(self) -> None:
        """Clear the state of a server that has ended."""
        super().clear_state()
        self._watch(None)
        servers = self.hub_sessions.servers
        if self.application_id and self._ended is None:  # JupyterHub could not stop it
            holder = partial(self.holder, self._master)
            servers.discard_once_ended(self.server_size, self.application_id, holder)
        else:
            servers.discard(self.server_size)
        # Pages show it, from a new spawner with this state.
        self.ended_because = words.ended(self._ended.outcome) if self._ended else ""
        self.application_id = self._master = ""
        self._session = self._start = None
        self.server_token.load({})
        _ = self.server_spark.begin_end()

    # --- what users choose

    @default("options_form")
    def _default_options_form(self) -> str | Callable[..., Awaitable[str]]:
        return self.offer.form if self.offer.exists else ""

    @default("options_from_form")
    def _default_options_from_form(self) -> Callable[..., object]:
        return self.offer.from_form

    @default("apply_user_options")
    def _default_apply_user_options(self) -> Callable[..., None] | None:
        return _apply_at_start if self.offer.exists else None

    async def options_from_query(self, query: Mapping[str, list[object]]) -> NoReturn:
        """See `Offer.from_query`."""
        await self.offer.from_query(query)

    async def chosen_request(self) -> SessionRequest:
        """The request, from the user's choice and the administrator's settings.

        Raises:
            SpawnException: The choice is not offered, or servers are not started for this user.
        """
        user = self.cluster_user_name()
        with self.offer.overridden(await self.offer.chosen()):
            request = request_of(self, user, self.hub_tags, self.certificates)
            self.environment_of_server.chosen = self.server_environment
            self.server_spark.version = self.spark
        self.identity = request.identity
        return request

    # --- start

    async def start(self) -> str:
        """Start a server; returns its URL once the server has proven its identity.

        After an error or a cancellation, JupyterHub calls `stop`, which ends what was submitted.

        Raises:
            SpawnException: It was not started, or was not ready in time; with a message for the
                user.
        """
        self._session = self._ended = None
        self.ended_because = ""
        start = SessionStart(queue=self.queue, files=sorted(self.localize_files))
        self._start = start
        try:
            with telling_why(self.log, self.who):
                return await self._in_time(start)
        except BaseException:
            if not self.application_id:  # else it counts until JupyterHub has stopped it
                self.hub_sessions.servers.discard(self.server_size)
            raise
        finally:
            start.close()
            self._ended = start.end or self._ended

    async def _in_time(self, start: SessionStart) -> str:
        """The URL of the server; fails before JupyterHub's own time-out, which gives no reason."""
        left = min(_LEFT, self.start_timeout / 10)
        limit = asyncio.timeout(self.start_timeout - left)
        try:
            async with limit:
                return await self._ready(start)
        except TimeoutError as error:
            if not limit.expired():
                raise
            known = await start.last_progress(left / 2)
            why = words.overdue(known, self.start_timeout)
            raise Refusal(why, reason="timeout", status_code=504) from error

    async def _ready(self, start: SessionStart) -> str:
        """The URL of the chosen server, once it responds."""
        request = await self.environment_of_server.added(await self.chosen_request())
        request = await self.server_spark.added(request)
        self._master = request.application_master
        spec = await modified(self, request.specification)
        limits = await self.hub_sessions.limits(self)
        # Nothing is awaited in between: of two starts at once, the second counts the first.
        servers = self.hub_sessions.servers
        self.server_size.accept(spec, limits, servers.held(but=self.server_size))
        servers.add(self.server_size)
        self._session = session = await start.submit(self.holder(), spec, request.secrets)
        self.application_id = session.id
        self.log.info("%s's server is %s", self.who, session.id)
        node, port = await start.ready(self._check)
        self._watch(session)
        return f"{'https' if self.internal_ssl else 'http'}://{node}:{port}"

    async def _check(self, node: str, port: int) -> None:
        """Make sure that the user's server responds; see `check_server`."""
        try:
            await check_server(
                node, port, prefix=self.server.base_url, token=self.api_token, tls=await self._tls()
            )
        except ImpostorError as error:
            raise Refusal(
                f"Your server was not started: another program listens on port {port} of {node}: "
                f"{error}. Start it again. If that does not help, contact the hub's administrator: "
                "the server's environment may have a different version of yarnhub.",
                reason="impostor",
                status_code=500,
            ) from error

    async def _tls(self) -> ssl.SSLContext | None:
        """The certificates of the hub, with `internal_ssl`."""
        kept = self.user.settings
        made: ssl.SSLContext | None = await asyncio.to_thread(
            make_ssl_context,
            kept.get("internal_ssl_key"),
            kept.get("internal_ssl_cert"),
            cafile=kept.get("internal_ssl_ca"),
        )
        return made

    async def progress(self) -> AsyncIterator[dict[str, object]]:
        """The progress of a server's start, one message for each change."""
        last = None
        while self._spawn_pending:  # also before `start`, and until the hub has had a response
            known = (
                await self._start.progress()
                if self._start is not None
                else Progress(queue=self.queue, asked=False)
            )
            message: dict[str, object] = {
                "progress": known.stage.value,
                "message": words.progress(known),
            }
            if message != last:
                last = message
                yield message
            await asyncio.sleep(_LOOK)

    # --- requests and reports of a server that is starting: see `port_handler`

    async def place(self) -> dict[str, object]:
        """The addresses and ports for the server."""
        addresses = [self.ip] if self.ip else []
        if not addresses and self._start is not None:
            addresses = await self._start.addresses()
        first, last = self.ports
        return {"addresses": addresses, "strict": bool(self.ip), "first": first, "last": last}

    def report_port(self, port: int) -> None:
        """Called when the server has reported its port, with its own token."""
        if self._start is not None:
            self._start.report_port(port)

    def report_error(self, error: str) -> None:
        """Called when the server has reported, with its own token, why it cannot listen."""
        if self._start is not None:
            self._start.report_error(error)

    # --- end

    async def poll(self) -> int | None:
        """None while the server runs or its state is unknown; else 0, or 1 after a failure."""
        if self._start is not None and not self._start.over:
            return None
        if not self.application_id:
            return 0
        if self._ended is None:
            self._ended = await self._look()
            if self._ended is not None:
                why = describe(self._ended.outcome)
                self.log.info("%s's server has ended: %s", self.who, why)
        return None if self._ended is None else self._ended.code

    async def _look(self) -> SessionEnd | None:
        try:
            async with Deadline(_TAKE_OVER, f"no response within {_TAKE_OVER:g} s"):
                if self._session is None:
                    found = await self.holder().find(self.application_id)
                    if found is None or isinstance(found, SessionEnd):
                        return found
                    self._session = found
                    self._watch(found)
                return await self._session.poll()
        except Exception as error:  # JupyterHub drops a server whose poll fails
            ours = not isinstance(error, YarnhubError)
            self.log.warning(
                "the state of %s is unknown: %s", self.application_id, error, exc_info=ours
            )
            return None

    async def stop(self, now: bool = False) -> None:  # noqa: FBT001, FBT002  # JupyterHub's own
        """Stop the server; returns when its container has ended.

        Args:
            now: Whether to skip the grace period.

        Raises:
            YarnhubError: YARN does not respond; the server may still be running.
        """
        if self._session is None and self.application_id:
            found = await self.holder().find(self.application_id)
            if found is None:
                raise ConnectError(f"cannot stop {self.application_id}: YARN does not respond")
            self._session = None if isinstance(found, SessionEnd) else found
        self._watch(None)
        if self._session is not None:
            await self._session.stop(now=now)
            self._ended = _STOPPED
        await self.server_spark.end()

    async def answer(self, received: bytes) -> bytes:
        """See `ServerSpark.answer`."""
        return await self.server_spark.answer(received)

    def _watch(self, session: Session | None) -> None:
        """Notify the hub when this session ends; earlier sessions are no longer watched."""
        # The hub reacts to an end within the task that notified it.
        if self._watching is not None and self._watching is not asyncio.current_task():
            self._watching.cancel()
        self._watching = None
        if session is not None:
            self._watching = self.hub_sessions.tasks.start(
                self._notify(session), f"end of {session.id}"
            )

    async def _notify(self, session: Session) -> None:
        with contextlib.suppress(YarnhubError):  # the state is unknown: the hub keeps polling
            await session.ended()
            await self.poll_and_notify()

    # --- internal_ssl

    async def create_certs(self) -> dict[str, str]:
        """Create certificates that are valid on every node, since the node is not known yet."""
        chosen = self.ssl_alt_names
        if not callable(chosen):
            with telling_why(self.log, self.who):
                nodes = alternative_names(await self.holder().nodes())
            self.ssl_alt_names = [*chosen, *(name for name in nodes if name not in chosen)]
        made: dict[str, str] = await super().create_certs()
        return made

    async def move_certs(self, paths: dict[str, str]) -> dict[str, str]:
        """Read the certificates for the container's token file; returns their names there."""
        names, self.certificates = await asyncio.to_thread(read_certificates, paths)
        return names

    # --- the hub's sessions

    @property
    def hub_sessions(self) -> HubSessions:
        """The objects that all spawners of the hub share."""
        return HubSessions.of(self.user.settings)

    @property
    def hub_tags(self) -> HubTags:
        """The tags of the hub's applications; see `HubSessions.tags`."""
        return self.hub_sessions.tags(self)

    def holder(self, master: str = "") -> Holder:
        """The holder of this server, and of all others that run in the same way.

        Args:
            master: Where the server's ApplicationMaster runs; by default, of the present server.

        Raises:
            ConfigurationError: See `HubSessions.holder`.
        """
        if app := self.user.settings.get("app"):
            self.hub_sessions.log_orphans_once(self.holder_of_all(), app)
        return self.hub_sessions.holder(self, master or self._master or self.application_master)

    def holder_of_all(self) -> Holder:
        """The holder that finds all servers of the hub, wherever their ApplicationMasters run."""
        return self.hub_sessions.holder(self, "cluster")


def _apply_at_start(_spawner: YarnSpawner, _user_options: Mapping[str, object]) -> None:
    """Do nothing: each start looks up the choice, which does not change the spawner."""
