"""The events of an application. Times are seconds since 1970."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from yarnhub.control.messages import Request
    from yarnhub.yarn.records.containers import Container, ContainerStatus, NMToken
    from yarnhub.yarn.records.ids import ContainerId
    from yarnhub.yarn.records.scheduler import AllocateResponse


@dataclass(frozen=True, slots=True)
class Started:
    """The AM is registered and can request containers.

    `previous` are the running containers of an earlier attempt, with tokens for their nodes.
    """

    previous: tuple[Container, ...] = ()
    tokens: tuple[NMToken, ...] = ()


@dataclass(frozen=True, slots=True)
class Resynced:
    """The ResourceManager may have lost the requests: all must be sent again."""

    previous: tuple[Container, ...] = ()
    tokens: tuple[NMToken, ...] = ()


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The ResourceManager's response to a heartbeat."""

    response: AllocateResponse


@dataclass(frozen=True, slots=True)
class Refused:
    """The ResourceManager can never grant a request, for example because of an unknown label."""

    reason: str


@dataclass(frozen=True, slots=True)
class Ended:
    """A node reports that a container has ended; the scheduler may report it, too."""

    status: ContainerStatus


@dataclass(frozen=True, slots=True)
class LaunchFailed:
    """A container could not be started.

    `counted` is whether that is a failure of the instance rather than of YARN.
    """

    container_id: ContainerId
    reason: str
    counted: bool = True


@dataclass(frozen=True, slots=True)
class PortAnswered:
    """A container's port accepts connections."""

    container_id: ContainerId


@dataclass(frozen=True, slots=True)
class Tick:
    """The time of `Application.due` has come; other times are allowed."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A client's request; exactly one `Reply` with this id follows, now or later."""

    request_id: int
    request: Request[Any]


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """A client has withdrawn its request."""

    request_id: int


@dataclass(frozen=True, slots=True)
class MasterScriptEnded:
    """The script in the AM's container has ended."""

    exit_code: int


Event = (
    Started
    | Resynced
    | Heartbeat
    | Refused
    | Ended
    | LaunchFailed
    | PortAnswered
    | Tick
    | Asked
    | Withdrawn
    | MasterScriptEnded
)
