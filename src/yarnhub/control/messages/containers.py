"""Requests about containers: named `<service>_<instance>`, times in seconds since 1970."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field, replace

from yarnhub.base.foreign_text import clean_and_cut
from yarnhub.control.json import OMIT_DEFAULT
from yarnhub.control.messages.request import Nothing, Request
from yarnhub.control.outcomes import Outcome  # noqa: TC001  # read by control.json


class ContainerState(enum.Enum):
    """The state of a service's container."""

    WAITING = "WAITING"
    """Waits for the services it depends on, or for its service's `restart_delay`."""
    REQUESTED = "REQUESTED"
    """From YARN."""
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    KILLED = "KILLED"
    """On a user's request."""

    @property
    def ended(self) -> bool:
        """Whether it is final."""
        return self in ENDED_STATES


ACTIVE_STATES = (ContainerState.WAITING, ContainerState.REQUESTED, ContainerState.RUNNING)
ENDED_STATES = (ContainerState.SUCCEEDED, ContainerState.FAILED, ContainerState.KILLED)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceContainer:
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
    """Whether it is running and fulfills its service's `ready`."""
    outcome: Outcome | None = field(default=None, metadata=OMIT_DEFAULT)
    """`exit_message` as data; None from an earlier version."""

    def __post_init__(self) -> None:
        # It contains YARN's text, and possibly a user's.
        object.__setattr__(self, "exit_message", clean_and_cut(self.exit_message))

    @property
    def id(self) -> str:
        """`<service>_<instance>`."""
        return f"{self.service_name}_{self.instance}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Containers:
    """Containers, in the order of the request."""

    containers: tuple[ServiceContainer, ...]


def without_outcomes(answer: object) -> object:
    """An answer for clients of versions that refuse unknown fields."""
    match answer:
        case ServiceContainer():
            return replace(answer, outcome=None)
        case Containers():
            return Containers(
                containers=tuple(replace(each, outcome=None) for each in answer.containers)
            )
        case _:
            return answer


@dataclass(frozen=True, slots=True, kw_only=True)
class GetContainers(Request[Containers]):
    """Get containers, sorted by service and instance; None filters nothing."""

    answer = Containers
    reads = True
    idempotent = True
    services: tuple[str, ...] | None = None
    states: tuple[ContainerState, ...] | None = ACTIVE_STATES


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale(Request[Containers]):
    """Set the number of active instances, or change it by `delta`; returns affected containers."""

    answer = Containers
    service: str
    count: int | None = None
    delta: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AddContainer(Request[ServiceContainer]):
    """Start one more instance, with `env` overriding the service's variables."""

    answer = ServiceContainer
    service: str
    env: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class KillContainer(Request[Nothing]):
    """Kill one container; no error if it has already ended."""

    answer = Nothing
    idempotent = True
    id: str
