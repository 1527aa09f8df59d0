"""A server that runs, or is about to, and where servers run."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

from yarnhub.base.errors import SpecError
from yarnhub.client.client import Client
from yarnhub.control.messages import ContainerState
from yarnhub.control.outcomes import Outcome
from yarnhub.integrations.jupyterhub.refusals import comparable
from yarnhub.yarn.records.cluster import NodeState

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from yarnhub.client.access.settings import Settings
    from yarnhub.client.explain.explanation import Explanation
    from yarnhub.client.explain.reasons import Reason
    from yarnhub.control.messages import Container
    from yarnhub.sessions.tags import HubTags
    from yarnhub.spec import ApplicationSpec

_REPLACED = Outcome.of_words("its container ended")


@dataclass(frozen=True, slots=True)
class End:
    """How a server ended.

    Attributes:
        code: 0 if nothing went wrong.
        outcome: What ended it.
    """

    code: int
    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What is known of a server that has not ended.

    Attributes:
        waits_for: Why YARN gives it no container; None if it is not known.
        node: The host that its container is on; empty while there is none.
        container: YARN's id of that.
    """

    waits_for: Reason | None = None
    node: str = ""
    container: str = ""

    @classmethod
    def of(cls, containers: Iterable[Container], waits_for: Reason | None = None) -> Sight:
        """What an application's containers say."""
        for each in containers:
            if each.state is ContainerState.RUNNING:
                host = each.yarn_node_http_address.rpartition(":")[0]
                return cls(node=host, container=each.yarn_container_id)
        return cls(waits_for=waits_for)


def lost(containers: Iterable[Container]) -> Outcome | None:
    """Why a server's container ended though its application runs on; None if it did not.

    YARN took it back, or its node is lost, and another one is to be started: but what the user
    did is gone with the first.
    """
    first = min(containers, key=lambda each: each.instance)
    ended = first.state.ended or first.instance > 0
    return (first.outcome or _REPLACED) if ended else None


class Server(ABC):
    """One server's application.

    Attributes:
        id: The application's, such as `application_1700000000000_0001`.
        user: The cluster's name of whom it runs as.
        identity: Whose and which it is: see `HubTags`; empty if this hub did not start it.
    """

    id: str
    user: str
    identity: str = ""

    @abstractmethod
    async def ended(self) -> None:
        """Wait until it may have ended: `end` knows more then.

        Raises:
            YarnhubError: Nobody can say any more.
        """

    @abstractmethod
    async def end(self) -> End | None:
        """How it ended; None while it runs, or if nobody can say. Answers at once."""

    @abstractmethod
    async def sight(self) -> Sight:
        """What is known of it.

        Raises:
            YarnhubError: It has ended, or nobody can say.
        """

    @abstractmethod
    async def stop(self, *, now: bool) -> None:
        """End it; returns when its container is gone.

        Args:
            now: Without its grace period.

        Raises:
            DeadlineExceededError: YARN cannot be told.
        """


class Servers(ABC):
    """All servers of one hub that run in one way.

    Args:
        settings: Who the hub is; it acts for its users.
        hub: Tells this hub's applications from others on the cluster.
    """

    def __init__(self, settings: Settings, hub: HubTags) -> None:
        self.settings = settings
        self.hub = hub

    async def nodes(self) -> list[str]:
        """The hosts that servers may run on.

        Raises:
            YarnhubError: YARN cannot be asked.
        """
        async with Client(self.settings) as client:
            found = await client.resource_manager.get_cluster_nodes([NodeState.RUNNING])
        return sorted({node.node_id.host for node in found})

    async def start(self, spec: ApplicationSpec, secrets: Mapping[str, bytes]) -> Server:
        """Submit a server's application; returns when YARN has accepted it.

        A former one of the same user and name, which nobody knows any more, is ended before,
        wherever its ApplicationMaster runs. An error or cancelling leaves nothing behind.

        Args:
            spec: Bears the identity of the server among its tags.
            secrets: What the container finds in its token file.

        Raises:
            SpecError: The cluster can never give what is asked for, or it would run as the hub.
            ApplicationFailedError: YARN refused it, with its reason.
            YarnhubError: YARN cannot be asked.
        """
        own = self.settings.user_name
        if self.settings.secure and comparable(spec.user) == comparable(own):
            raise SpecError(
                "user",
                f"{spec.user!r} is the hub's own account on the cluster, as which no server runs; "
                "c.YarnSpawner.cluster_user maps names",
            )
        for former in await self.all(self.hub.identity(spec.tags, spec.user)):
            await former.stop(now=True)
        return await self._submit(spec, secrets)

    @abstractmethod
    async def _submit(self, spec: ApplicationSpec, secrets: Mapping[str, bytes]) -> Server:
        """Submit a server's application; see `start`."""

    @abstractmethod
    async def all(self, tag: str = "") -> Sequence[Server]:
        """Those of this hub that run and bear a tag; an empty one is all of them.

        Raises:
            YarnhubError: YARN cannot be asked.
        """

    @abstractmethod
    async def explain(self, server: Server) -> Explanation | None:
        """Why a server's application is as it is; None if nobody can say.

        YARN is asked many things: ask while somebody reads the answer, not all the while.
        """

    @abstractmethod
    async def find(self, application_id: str) -> Server | End | None:
        """A server that an earlier hub started; None if nobody can say what became of it."""
