"""`YarnSpawner`: each user's server in a YARN container that runs as the user."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, NoReturn

from jupyterhub.apihandlers import default_handlers
from jupyterhub.utils import make_ssl_context
from traitlets import default

from yarnhub.base.deadline import Deadline
from yarnhub.base.errors import ConnectError, YarnhubError
from yarnhub.base.foreign_text import clean_and_cut
from yarnhub.control.outcomes import Cause, Outcome, Subject
from yarnhub.control.words import describe
from yarnhub.integrations.jupyterhub import orphans, port_handler, words
from yarnhub.integrations.jupyterhub.certificates import alternative_names, read_certificates
from yarnhub.integrations.jupyterhub.hub_sessions import HubSessions
from yarnhub.integrations.jupyterhub.offer import Offer
from yarnhub.integrations.jupyterhub.refusals import Refusal, telling_why
from yarnhub.integrations.jupyterhub.server_request import modified, request_of
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
"""Seconds of `start_timeout` that are left for finding out why it was too short."""
_LOOK = 0.25
"""Seconds between two looks at how far a start is."""
_STATE_VERSION = 1
_STOPPED = SessionEnd(
    0, Outcome(cause=Cause.REQUESTED, subject=Subject.APPLICATION, raw="it was stopped")
)

# JupyterHub asks authenticators for handlers, but not spawners, and `extra_handlers` is for
# administrators. It reads this list after it has imported its spawner.
default_handlers += [
    (port_handler.PATH, port_handler.PortHandler),
    (orphans.PATH, orphans.OrphansHandler),
]


class YarnSpawner(SpawnerTraits):
    """Starts each user's server in a YARN container that runs as the user.

    The cluster has to allow the hub's user to act for its users: `hadoop.proxyuser.<hub>.hosts`
    and `.groups`.

    Attributes:
        application_id: The server's; empty if there is none.
        identity: The tag of the server on the cluster; empty until it is started.
        ended_because: Why the last server ended, for its user.
        offer: What the user can choose.
        certificates: Of the server, with `internal_ssl`.
    """

    ssl_alt_names: Any  # JupyterHub's own
    application_id = ""
    identity = ""
    ended_because = ""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # Any: JupyterHub's own
        self.offer = Offer(self, lambda: self.hub_sessions.queues(self))
        self.certificates: dict[str, bytes] = {}
        self._master = ""
        """Where the server's ApplicationMaster runs: a profile may set it."""
        self._start: SessionStart | None = None
        self._session: Session | None = None
        self._ended: SessionEnd | None = None
        self._watching: asyncio.Task[None] | None = None
        super().__init__(*args, **kwargs)

    @property
    def who(self) -> str:
        """Whose server, for the log: names may contain anything."""
        return clean_and_cut(self._log_name, lines=False)

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
        # Pages show it, of a spawner that is made anew out of this state.
        self.ended_because = words.ended(self._ended.outcome) if self._ended else ""
        self.application_id = self._master = ""
        self._session = self._start = None

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
        """What the user has chosen, and the administrator for all the rest.

        Raises:
            SpawnException: It is not offered, or no server is started for this user.
        """
        user = self.cluster_user_name()
        with self.offer.overridden(await self.offer.chosen()):
            request = request_of(self, user, self.hub_tags, self.certificates)
        self.identity = request.identity
        return request

    # --- start

    async def start(self) -> str:
        """Start a server; returns its URL once it has proven that it answers there.

        An error or cancelling leaves nothing behind on the cluster.

        Raises:
            SpawnException: It was not started, or was not ready in time; its message says why, for
                the user.
        """
        self._session = self._ended = None
        self.ended_because = ""
        start = SessionStart(queue=self.queue, files=sorted(self.localize_files))
        self._start = start
        try:
            with telling_why(self.log, self.who):
                return await self._in_time(start)
        finally:
            start.close()
            self._ended = start.end or self._ended

    async def _in_time(self, start: SessionStart) -> str:
        """The URL of the server, before JupyterHub's own limit ends the start without a reason."""
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
        """The URL of the server that is chosen, once it answers there."""
        request = await self.chosen_request()
        self._master = request.application_master
        spec = await modified(self, request.specification)
        self._session = session = await start.submit(self.holder(), spec, request.secrets)
        self.application_id = session.id
        self.log.info("%s's server is %s", self.who, session.id)
        node, port = await start.ready(self._check)
        self._watch(session)
        return f"{'https' if self.internal_ssl else 'http'}://{node}:{port}"

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
        """What the hub and its servers authenticate with, with `internal_ssl`."""
        kept = self.user.settings
        made: ssl.SSLContext | None = await asyncio.to_thread(
            make_ssl_context,
            kept.get("internal_ssl_key"),
            kept.get("internal_ssl_cert"),
            cafile=kept.get("internal_ssl_ca"),
        )
        return made

    async def progress(self) -> AsyncIterator[dict[str, object]]:
        """What happens to a server that is being started, one message for each change."""
        last = None
        while self._spawn_pending:  # before `start`, too, and until the hub has had an answer
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

    # --- what a server that is being started asks and reports: see `port_handler`

    async def place(self) -> dict[str, object]:
        """Where the server shall listen."""
        addresses = [self.ip] if self.ip else []
        if not addresses and self._start is not None:
            addresses = await self._start.addresses()
        first, last = self.ports
        return {"addresses": addresses, "strict": bool(self.ip), "first": first, "last": last}

    def report_port(self, port: int) -> None:
        """The server has reported its port, with its own token."""
        if self._start is not None:
            self._start.report_port(port)

    def report_error(self, error: str) -> None:
        """The server has reported, with its own token, that it will have no port, and why."""
        if self._start is not None:
            self._start.report_error(error)

    # --- end

    async def poll(self) -> int | None:
        """None while the server runs or its state is not known; else 0, or 1 after a failure."""
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
                return await self._session.end()
        except Exception as error:  # JupyterHub forgets a server whose poll fails
            ours = not isinstance(error, YarnhubError)
            self.log.warning(
                "the state of %s is not known: %s", self.application_id, error, exc_info=ours
            )
            return None

    async def stop(self, now: bool = False) -> None:  # noqa: FBT001, FBT002  # JupyterHub's own
        """End the server; returns when its container is gone.

        Args:
            now: Without its grace period.

        Raises:
            YarnhubError: YARN does not respond; the server may still run.
        """
        if self._session is None and self.application_id:
            found = await self.holder().find(self.application_id)
            if found is None:
                raise ConnectError(f"{self.application_id} is not stopped: YARN cannot be asked")
            self._session = None if isinstance(found, SessionEnd) else found
        self._watch(None)
        if self._session is not None:
            await self._session.stop(now=now)
            self._ended = _STOPPED

    def _watch(self, session: Session | None) -> None:
        """Have the hub notified at once when this session ends, and of no other one."""
        # The hub's own reaction to an end is called from within the task that notified it.
        if self._watching is not None and self._watching is not asyncio.current_task():
            self._watching.cancel()
        self._watching = None
        if session is not None:
            self._watching = self.hub_sessions.tasks.start(
                self._notify(session), f"end of {session.id}"
            )

    async def _notify(self, session: Session) -> None:
        with contextlib.suppress(YarnhubError):  # the state is not known: the hub polls on
            await session.ended()
            await self.poll_and_notify()

    # --- internal_ssl

    async def create_certs(self) -> dict[str, str]:
        """Make certificates that are valid on every node: it is not known yet which one it is."""
        chosen = self.ssl_alt_names
        if not callable(chosen):
            with telling_why(self.log, self.who):
                nodes = alternative_names(await self.holder().nodes())
            self.ssl_alt_names = [*chosen, *(name for name in nodes if name not in chosen)]
        made: dict[str, str] = await super().create_certs()
        return made

    async def move_certs(self, paths: dict[str, str]) -> dict[str, str]:
        """Have the container find them in its token file; returns their names there."""
        names, self.certificates = await asyncio.to_thread(read_certificates, paths)
        return names

    # --- the hub's sessions

    @property
    def hub_sessions(self) -> HubSessions:
        """What all spawners of the hub share."""
        return HubSessions.of(self.user.settings)

    @property
    def hub_tags(self) -> HubTags:
        """The tags of the hub's applications; see `HubSessions.tags`."""
        return self.hub_sessions.tags(self)

    def holder(self) -> Holder:
        """What holds this server, and all others that run as it does."""
        if app := self.user.settings.get("app"):
            self.hub_sessions.log_orphans_once(self.holder_of_all(), app)
        return self.hub_sessions.holder(self, self._master or self.application_master)

    def holder_of_all(self) -> Holder:
        """What finds all servers of the hub, wherever their ApplicationMasters run."""
        return self.hub_sessions.holder(self, "cluster")


def _apply_at_start(_spawner: YarnSpawner, _user_options: Mapping[str, object]) -> None:
    """Do nothing: a choice is looked up by each start, and never sticks to the spawner."""
