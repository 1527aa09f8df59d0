"""What happens to an application. Times are seconds since 1970."""

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
    """The AM is registered: containers may be asked for.

    `previous` are containers that the ResourceManager keeps from before, with tokens for their
    nodes.
    """

    previous: tuple[Container, ...] = ()
    tokens: tuple[NMToken, ...] = ()


@dataclass(frozen=True, slots=True)
class Resynced:
    """The ResourceManager may not know what was asked: all of it has to be asked again."""

    previous: tuple[Container, ...] = ()
    tokens: tuple[NMToken, ...] = ()


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The ResourceManager's answer to a heartbeat."""

    response: AllocateResponse


@dataclass(frozen=True, slots=True)
class Refused:
    """The ResourceManager will never grant what was asked: a label that no node has, say."""

    reason: str


@dataclass(frozen=True, slots=True)
class Ended:
    """A node tells that a container has ended; the scheduler may tell it too."""

    status: ContainerStatus


@dataclass(frozen=True, slots=True)
class LaunchFailed:
    """A container could not be started.

    `counted` says whether that is a failure of the instance, and not of YARN alone.
    """

    container_id: ContainerId
    reason: str
    counted: bool = True


@dataclass(frozen=True, slots=True)
class PortAnswered:
    """A container's port answers."""

    container_id: ContainerId


@dataclass(frozen=True, slots=True)
class Tick:
    """The time has come that `Application.due` named, or any other."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A client asks something; exactly one `Reply` with this id follows, now or later."""

    request_id: int
    request: Request[Any]


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """A client no longer waits for its reply."""

    request_id: int


@dataclass(frozen=True, slots=True)
class MasterScriptEnded:
    """The script beside the AM has ended."""

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
