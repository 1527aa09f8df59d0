"""What an application wants done."""

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
    """Send these requests with the next heartbeat; each replaces its predecessor."""

    requests: tuple[ResourceRequest, ...]


@dataclass(frozen=True, slots=True)
class Release:
    """Give a container back with the next heartbeat."""

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
    """See how a container is that another process began: start it if it was not."""

    launch: Launch


@dataclass(frozen=True, slots=True)
class Stop:
    """End a container's processes."""

    container: Container


@dataclass(frozen=True, slots=True)
class Signal:
    """Ask a container's processes to end (SIGTERM)."""

    container: Container


@dataclass(frozen=True, slots=True)
class Probe:
    """See whether a container's port answers; `PortAnswered` follows if it does."""

    container: Container
    port: int


@dataclass(frozen=True, slots=True)
class Reply:
    """Answer a client: the request's answer class, or `Failure`."""

    request_id: int
    answer: Any  # the class depends on the request


@dataclass(frozen=True, slots=True, repr=False)
class UseTokens:
    """Hand these delegation tokens to whatever is started from now on: a token file (HDTS)."""

    tokens: bytes


@dataclass(frozen=True, slots=True)
class Finish:
    """Unregister and end. Nothing follows it."""

    status: FinalStatus
    outcome: Outcome
    retriable: bool = False
    """Whether it failed by itself: another attempt, begun anew, might not."""

    @property
    def diagnostics(self) -> str:
        """How it ended, in words."""
        return describe(self.outcome)


Action = Ask | Release | Launch | Resume | Stop | Signal | Probe | Reply | UseTokens | Finish
