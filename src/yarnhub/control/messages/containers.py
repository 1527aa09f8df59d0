"""Requests about containers: named `<service>_<instance>`, times in seconds since 1970."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field, replace

from yarnhub.base.foreign_text import clean_and_cut
from yarnhub.control.json import OMIT_DEFAULT
from yarnhub.control.messages.request import Nothing, Request
from yarnhub.control.outcomes import Outcome  # noqa: TC001  # read by control.json


class ContainerState(enum.Enum):
    """How far a service's container is."""

    WAITING = "WAITING"
    """For the services it depends on, or for its service's `restart_delay`."""
    REQUESTED = "REQUESTED"
    """From YARN."""
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    KILLED = "KILLED"
    """On a user's request."""

    @property
    def ended(self) -> bool:
        """Whether it will not change any more."""
        return self in ENDED_STATES


ACTIVE_STATES = (ContainerState.WAITING, ContainerState.REQUESTED, ContainerState.RUNNING)
ENDED_STATES = (ContainerState.SUCCEEDED, ContainerState.FAILED, ContainerState.KILLED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """One instance of a service."""

    service_name: str
    instance: int
    state: ContainerState
    yarn_container_id: str = ""
    yarn_node_http_address: str = ""
    start_time: float | None = None
    finish_time: float | None = None
    exit_message: str = ""
    ready: bool = False
    """Whether it runs and is what its service's `ready` says."""
    outcome: Outcome | None = field(default=None, metadata=OMIT_DEFAULT)
    """What `exit_message` says, as data; None where an earlier version answered."""

    def __post_init__(self) -> None:
        # YARN's words are in it, and of an ApplicationMaster in a container perhaps a user's own.
        object.__setattr__(self, "exit_message", clean_and_cut(self.exit_message))

    @property
    def id(self) -> str:
        """`<service>_<instance>`."""
        return f"{self.service_name}_{self.instance}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Containers:
    """Containers, in the order that the request describes."""

    containers: tuple[Container, ...]


def without_outcomes(answer: object) -> object:
    """An answer as clients of versions read it that refuse what they do not know."""
    match answer:
        case Container():
            return replace(answer, outcome=None)
        case Containers():
            return Containers(
                containers=tuple(replace(each, outcome=None) for each in answer.containers)
            )
        case _:
            return answer


@dataclass(frozen=True, slots=True, kw_only=True)
class GetContainers(Request[Containers]):
    """Ask for containers, sorted by service and instance; None filters nothing."""

    answer = Containers
    reads = True
    idempotent = True
    services: tuple[str, ...] | None = None
    states: tuple[ContainerState, ...] | None = ACTIVE_STATES


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale(Request[Containers]):
    """Have `count` active instances, or `delta` more than now; answers with those it touched."""

    answer = Containers
    service: str
    count: int | None = None
    delta: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AddContainer(Request[Container]):
    """Start one more instance, with `env` over the service's own."""

    answer = Container
    service: str
    env: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class KillContainer(Request[Nothing]):
    """End one container; one that has ended already is no error."""

    answer = Nothing
    idempotent = True
    id: str
