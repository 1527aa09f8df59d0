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
    from yarnhub.control.messages import Container

_REPLACED = Outcome.of_message("its container ended")


@dataclass(frozen=True, slots=True)
class SessionEnd:
    """How a session ended.

    Attributes:
        code: 0 if nothing went wrong.
        outcome: What ended it.
    """

    code: int
    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSnapshot:
    """What is known of a session that has not ended.

    Attributes:
        waits_for: Why YARN does not allocate its container; None if it is not known.
        node: The host of its container; empty while there is none.
        container: YARN's id of the container.
    """

    waits_for: Reason | None = None
    node: str = ""
    container: str = ""

    @classmethod
    def of(
        cls, containers: Iterable[Container], waits_for: Reason | None = None
    ) -> SessionSnapshot:
        """What an application's containers show."""
        for each in containers:
            if each.state is ContainerState.RUNNING:
                host = each.yarn_node_http_address.rpartition(":")[0]
                return cls(node=host, container=each.yarn_container_id)
        return cls(waits_for=waits_for)


def lost(containers: Iterable[Container]) -> Outcome | None:
    """Why a session's container ended though its application runs on; None if it did not.

    YARN preempted it, or its node was lost, and another one is to be started: but what the user
    did is gone with the first.
    """
    first = min(containers, key=lambda each: each.instance, default=None)
    if first is None:  # none has been requested yet
        return None
    ended = first.state.ended or first.instance > 0
    return (first.outcome or _REPLACED) if ended else None


class Session(ABC):
    """One session's application.

    Attributes:
        id: The application's, such as `application_1700000000000_0001`.
        user: The cluster's name of the user that it runs as.
        identity: Its tag, see `HubTags`; empty if this hub did not start it.
    """

    id: str
    user: str
    identity: str = ""

    @abstractmethod
    async def ended(self) -> None:
        """Wait until it may have ended: `end` then tells.

        Raises:
            YarnhubError: It is not known any more.
        """

    @abstractmethod
    async def end(self) -> SessionEnd | None:
        """How it ended; None while it runs, or if that is not known. Returns at once."""

    @abstractmethod
    async def snapshot(self) -> SessionSnapshot:
        """What is known of it.

        Raises:
            YarnhubError: It has ended, or nothing is known.
        """

    @abstractmethod
    async def explain(self) -> Explanation:
        """Why it is in its state; `Holder.explain` asks one session at a time.

        Raises:
            YarnhubError: YARN does not respond.
        """

    @abstractmethod
    async def stop(self, *, now: bool) -> None:
        """End it; returns when its container is gone.

        Args:
            now: Without its grace period.

        Raises:
            DeadlineExceededError: YARN does not respond.
        """
