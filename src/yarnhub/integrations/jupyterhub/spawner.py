"""`YarnSpawner`: each user's server in a YARN container that runs as the user."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit

from jupyterhub.app import JupyterHub
from jupyterhub.spawner import Spawner
from traitlets import Unicode, default

from yarnhub.base.deadline import Deadline
from yarnhub.base.errors import ConnectError, YarnhubError
from yarnhub.control.outcomes import Cause, Outcome, Subject
from yarnhub.control.words import describe
from yarnhub.integrations.jupyterhub import callback, orphans, words
from yarnhub.integrations.jupyterhub.background import in_background
from yarnhub.integrations.jupyterhub.certificates import alternative_names, read_certificates
from yarnhub.integrations.jupyterhub.refusals import telling_why
from yarnhub.integrations.jupyterhub.starting import Starting
from yarnhub.sessions.cluster_holder import ClusterHolder
from yarnhub.sessions.session import End
from yarnhub.sessions.unmanaged_holder import UnmanagedHolder

if TYPE_CHECKING:
    from yarnhub.sessions.holder import Holder
    from yarnhub.sessions.session import Session

_TAKE_OVER = 5.0
"""Seconds that a poll waits for the servers of the hub before this one."""
_STATE_VERSION = 1
_STOPPED = End(0, Outcome(cause=Cause.REQUESTED, subject=Subject.APPLICATION, raw="it was stopped"))

callback.install()
orphans.install()


class YarnSpawner(Starting, Spawner):
    """Starts each user's server in a YARN container that runs as the user.

    The hub's user needs the cluster's leave to act for its users: `hadoop.proxyuser.<hub>.hosts`
    and `.groups`.
    """

    application_master_host = Unicode(
        help="""The host name at which containers can reach this process. By default the host in
        the URL of the hub's API.""",
    ).tag(config=True)

    ssl_alt_names: Any  # JupyterHub's own
    _shared: ClassVar[dict[tuple[object, ...], Holder]] = {}
    """By what they depend on: one for all spawners of a hub."""
    _telling: ClassVar[set[asyncio.Task[None]]] = set()
    """Of orphans, once; it ends by itself."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # Any: JupyterHub's own
        super().__init__(*args, **kwargs)
        self._watching: asyncio.Task[None] | None = None
        self.certificates: dict[str, bytes] = {}

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
        self.watch(None)
        # Pages say it, of a spawner that is made anew out of this state.
        self.ended_because = words.ended(self._ended.outcome) if self._ended else ""
        self.application_id = self._master = ""
        self._running = self._spec = None

    # --- JupyterHub's contract

    async def poll(self) -> int | None:
        """None while the server runs or nobody can say; else 0, or 1 if something went wrong."""
        if self._reporting is not None:
            return None
        if not self.application_id:
            return 0
        if self._ended is None:
            self._ended = await self._look()
            if self._ended is not None:
                said = describe(self._ended.outcome)
                self.log.info("%s's server has ended: %s", self.who, said)
        return None if self._ended is None else self._ended.code

    async def _look(self) -> End | None:
        try:
            async with Deadline(_TAKE_OVER, f"no answer within {_TAKE_OVER:g} s"):
                if self._running is None:
                    found = await self.servers().find(self.application_id)
                    if found is None or isinstance(found, End):
                        return found
                    self._running = found
                    self.watch(found)
                return await self._running.end()
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
            YarnhubError: YARN cannot be told; the server may run on.
        """
        if self._running is None and self.application_id:
            found = await self.servers().find(self.application_id)
            if found is None:
                raise ConnectError(f"{self.application_id} is not stopped: YARN cannot be asked")
            self._running = None if isinstance(found, End) else found
        self.watch(None)
        if self._running is not None:
            await self._running.stop(now=now)
            self._ended = _STOPPED

    def watch(self, server: Session | None) -> None:
        """Have the hub know at once when this server ends, and of no other one."""
        # The hub's own answer to an end comes here from within the task that told it.
        if self._watching is not None and self._watching is not asyncio.current_task():
            self._watching.cancel()
        self._watching = None
        if server is not None:
            self._watching = in_background(self._tell(server), f"end of {server.id}")

    async def _tell(self, server: Session) -> None:
        with contextlib.suppress(YarnhubError):  # nobody can say: the hub polls on
            await server.ended()
            await self.poll_and_notify()

    # --- internal_ssl

    async def create_certs(self) -> dict[str, str]:
        """Make certificates that hold on each node: which one it will be is not known yet."""
        chosen = self.ssl_alt_names
        if not callable(chosen):
            with telling_why(self.log, self.who):
                nodes = alternative_names(await self.servers().nodes())
            self.ssl_alt_names = [*chosen, *(name for name in nodes if name not in chosen)]
        made: dict[str, str] = await super().create_certs()
        return made

    async def move_certs(self, paths: dict[str, str]) -> dict[str, str]:
        """Have the container find them in its token file; returns their names there."""
        names, self.certificates = await asyncio.to_thread(read_certificates, paths)
        return names

    # --- where servers run

    def servers(self) -> Holder:
        """All servers of the hub that run as this one does."""
        if not self._telling:
            telling = orphans.tell_of_orphans(self.on_yarn(), JupyterHub.instance())
            self._telling.add(in_background(telling, "orphans"))
        return self._servers_of(self._master or self.application_master)

    def on_yarn(self) -> Holder:
        """All servers of the hub as YARN knows them, wherever their ApplicationMasters are."""
        return self._servers_of("cluster")

    def _servers_of(self, master: str) -> Holder:
        folder = Path(self.applications_folder).absolute()
        where: tuple[object, ...] = (master, folder)
        if master == "hub":
            where = (*where, self.application_master_host)
        key = (self.principal, self.keytab, *where)
        if key not in self._shared:
            settings = self.settings()
            self._shared[key] = (
                UnmanagedHolder(
                    settings, self.hub_tags, folder=folder, host=self.application_master_host
                )
                if master == "hub"
                else ClusterHolder(settings, self.hub_tags)
            )
        return self._shared[key]
