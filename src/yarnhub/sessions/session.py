"""A session: a container that is held for a user, or is about to be started."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

from yarnhub.control.messages import ContainerState
from yarnhub.control.outcomes import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable

    from yarnhub.client.explain.explanation import Explanation
    from yarnhub.client.explain.reasons import Reason
    from yarnhub.control.messages import ServiceContainer

_REPLACED = Outcome.of_message("its container ended")


@dataclass(frozen=True, slots=True)
class SessionEnd:
    """How a session ended.

    Attributes:
        code: 0 if it ended without an error.
        outcome: Why it ended.
    """

    code: int
    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSnapshot:
    """The state of a session that has not ended.

    Attributes:
        waits_for: Why YARN has not allocated its container; None if unknown.
        node: The host of its container; empty before it is allocated.
        container: The container's id on YARN.
    """

    waits_for: Reason | None = None
    node: str = ""
    container: str = ""

    @classmethod
    def of(
        cls, containers: Iterable[ServiceContainer], waits_for: Reason | None = None
    ) -> SessionSnapshot:
        """The state that an application's containers show."""
        for each in containers:
            if each.state is ContainerState.RUNNING:
                host = each.yarn_node_http_address.rpartition(":")[0]
                return cls(node=host, container=each.yarn_container_id)
        return cls(waits_for=waits_for)


def loss(containers: Iterable[ServiceContainer]) -> Outcome | None:
    """Why a session's container ended although its application is running; None if it did not.

    YARN preempted it, or its node was lost. The application would start another one, but the state
    of the user's program is lost.
    """
    first = min(containers, key=lambda each: each.instance, default=None)
    if first is None:  # none has been requested yet
        return None
    ended = first.state.ended or first.instance > 0
    return (first.outcome or _REPLACED) if ended else None


class Session(ABC):
    """One session's application.

    Attributes:
        id: The application's id, such as `application_1700000000000_0001`.
        user: The name on the cluster of the user that it runs as.
        identity: Its tag, see `HubTags`; empty if this hub did not start it.
    """

    id: str
    user: str
    identity: str = ""

    @abstractmethod
    async def ended(self) -> None:
        """Wait until it may have ended; `poll` then returns the result.

        Raises:
            YarnhubError: Its state is no longer available.
        """

    @abstractmethod
    async def poll(self) -> SessionEnd | None:
        """How it ended; None while it is running, or if unknown. Returns immediately.

        A session that has lost its container is killed by this call: see `loss`.
        """

    @abstractmethod
    async def snapshot(self) -> SessionSnapshot:
        """The state of the session.

        Raises:
            YarnhubError: It has ended, or its state is unknown.
        """

    @abstractmethod
    async def explain(self) -> Explanation:
        """Why it is in its state; `Holder.explain` makes one such request at a time.

        Raises:
            YarnhubError: YARN does not respond.
        """

    @abstractmethod
    async def stop(self, *, now: bool) -> None:
        """Stop it; returns when its container has ended.

        Args:
            now: Whether to skip the grace period.

        Raises:
            DeadlineExceededError: YARN does not respond.
        """
