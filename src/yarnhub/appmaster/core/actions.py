"""The actions of an application."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from yarnhub.control.words import describe

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yarnhub.control.messages import FinalStatus
    from yarnhub.control.outcomes import Outcome
    from yarnhub.yarn.records.containers import Container
    from yarnhub.yarn.records.ids import ContainerId
    from yarnhub.yarn.records.resources import ResourceRequest


@dataclass(frozen=True, slots=True)
class Ask:
    """Send these requests with the next heartbeat; each replaces the previous one."""

    requests: tuple[ResourceRequest, ...]


@dataclass(frozen=True, slots=True)
class Release:
    """Release a container with the next heartbeat."""

    container_id: ContainerId


@dataclass(frozen=True, slots=True)
class Launch:
    """Start an instance of a service in a container."""

    container: Container
    service: str
    instance: int
    env: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Resume:
    """Check a container that an earlier process was starting; start it if it is not running."""

    launch: Launch


@dataclass(frozen=True, slots=True)
class Stop:
    """Stop a container's processes."""

    container: Container


@dataclass(frozen=True, slots=True)
class Signal:
    """Send SIGTERM to a container's processes."""

    container: Container


@dataclass(frozen=True, slots=True)
class Probe:
    """Check whether a container's port accepts connections; `PortAnswered` follows if it does."""

    container: Container
    port: int


@dataclass(frozen=True, slots=True)
class Reply:
    """Respond to a client with the request's answer class, or `Failure`."""

    request_id: int
    answer: Any  # the class depends on the request


@dataclass(frozen=True, slots=True, repr=False)
class UseTokens:
    """Use these delegation tokens for containers that start from now on: a token file (HDTS)."""

    tokens: bytes


@dataclass(frozen=True, slots=True)
class Finish:
    """Unregister and exit. No action follows it."""

    status: FinalStatus
    outcome: Outcome
    retriable: bool = False
    """Whether the application itself failed: another attempt may succeed."""

    @property
    def diagnostics(self) -> str:
        """How it ended, as text."""
        return describe(self.outcome)


Action = Ask | Release | Launch | Resume | Stop | Signal | Probe | Reply | UseTokens | Finish
