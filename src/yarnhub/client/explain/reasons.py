"""Why an application waits or has failed: a class for each reason, with what is known of it.

Amounts are by YARN's names of resources; memory is in MiB.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yarnhub.control.outcomes import Outcome
    from yarnhub.yarn.records.cluster import NodeState, QueueState

    Amounts = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class PendingRequest:
    """A request for equal containers that YARN has not granted yet.

    Attributes:
        service: Whose containers; empty for the ApplicationMaster's.
        count: How many.
        amounts: What each of them asks for.
        label: The label that their nodes have to have; empty for none.
        hosts: Where they may run; anywhere if neither these nor racks are given.
        racks: Where they may run as well.
    """

    service: str
    count: int
    amounts: Amounts
    label: str = ""
    hosts: tuple[str, ...] = ()
    racks: tuple[str, ...] = ()


# --- nodes


@dataclass(frozen=True, slots=True)
class UnavailableNode:
    """A node that does not run.

    Attributes:
        node: Host and port of its NodeManager.
        state: YARN's.
        raw: Its own report on its health.
    """

    node: str
    state: NodeState
    raw: str


@dataclass(frozen=True, slots=True)
class NoNode:
    """No node runs at all."""

    request: PendingRequest
    unavailable: tuple[UnavailableNode, ...]


@dataclass(frozen=True, slots=True)
class NoMatchingNode:
    """No node runs that has the label and is among the hosts and racks of a request.

    Attributes:
        request: What waits.
        unavailable: Nodes that do not run.
        labels: All labels that nodes have.
    """

    request: PendingRequest
    unavailable: tuple[UnavailableNode, ...]
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LargerThanAnyNode:
    """A request that can never be granted.

    Attributes:
        request: What waits.
        unavailable: Nodes that do not run.
        exceeding: The amounts that no node has.
        largest: The most of each of them that a node has.
    """

    request: PendingRequest
    unavailable: tuple[UnavailableNode, ...]
    exceeding: Amounts
    largest: Amounts


@dataclass(frozen=True, slots=True)
class NoRoomOnNodes:
    """No node has room now.

    Attributes:
        request: What waits.
        unavailable: Nodes that do not run.
        node: The one with the most free memory.
        free: What is free there.
    """

    request: PendingRequest
    unavailable: tuple[UnavailableNode, ...]
    node: str
    free: Amounts


# --- queues and their limits


@dataclass(frozen=True, slots=True)
class QueueNotRunning:
    """The application's queue, or one above it, takes no applications."""

    queue: str
    state: QueueState


@dataclass(frozen=True, slots=True)
class LabelNotAccessible:
    """The queue may not use nodes with the label of a request."""

    request: PendingRequest


@dataclass(frozen=True, slots=True)
class Holder:
    """An application that holds something.

    Attributes:
        application: Its id.
        user: Whose it is.
        memory: What it holds, in MiB.
    """

    application: str
    user: str
    memory: int


@dataclass(frozen=True, slots=True)
class QueueFull:
    """A queue has no room for a request.

    Attributes:
        request: What waits.
        queue: The application's, or one above it.
        used: What it holds.
        limit: What it may hold.
        holders: The applications of the queue, those that hold most memory first.
    """

    request: PendingRequest
    queue: str
    used: Amounts
    limit: Amounts
    holders: tuple[Holder, ...]


@dataclass(frozen=True, slots=True)
class MasterLimit:
    """YARN reports that the limit on ApplicationMasters of a queue, or of a user in it, is reached.

    Attributes:
        queue: The queue.
        user: Whose limit it is; empty for all users' together.
        limit: What they may hold.
        used: What all of the queue hold.
        asked: What this one asks for.
    """

    queue: str
    user: str
    limit: Amounts
    used: Amounts
    asked: Amounts


@dataclass(frozen=True, slots=True)
class UnmanagedMasterLimit:
    """The figures of a queue show that its limit on ApplicationMasters, or a user's, is reached.

    Attributes:
        queue: The queue.
        user: Whose limit it is; empty for all users' together.
        limit: What they may hold.
        used: What they hold.
        counted: What an unmanaged one counts as.
        waiting: How many applications of the queue wait for that.
    """

    queue: str
    user: str
    limit: Amounts
    used: Amounts
    counted: Amounts
    waiting: int


@dataclass(frozen=True, slots=True)
class ParallelLimit:
    """The limit on running applications is reached.

    Attributes:
        queue: The application's.
        user: Whose application it is.
        held_back: How many applications of the queue wait for that.
        limited: The queue whose limit is reached, and that limit; None where it may be any
            queue's, or the user's.
        fair: Whether the scheduler is the FairScheduler; else it is the CapacityScheduler.
    """

    queue: str
    user: str
    held_back: int
    limited: tuple[str, int] | None
    fair: bool


@dataclass(frozen=True, slots=True)
class UserLimit:
    """A user's limit in a queue is reached."""

    user: str
    queue: str
    used: Amounts
    limit: Amounts


@dataclass(frozen=True, slots=True)
class PossibleMasterLimit:
    """The limit on ApplicationMasters may be reached: YARN reports it for managed ones only."""


@dataclass(frozen=True, slots=True)
class NothingInTheWay:
    """There is room for a request: YARN grants it soon, or does not report why it does not.

    Attributes:
        request: What waits.
        user: Whose application it is.
        queue: The application's.
        held: Memory that the user holds there, in MiB.
    """

    request: PendingRequest
    user: str
    queue: str
    held: int


@dataclass(frozen=True, slots=True)
class Diagnostics:
    """YARN's diagnostics of an application that waits."""

    raw: str


# --- services


@dataclass(frozen=True, slots=True)
class MissingService:
    """A service that has not started.

    Attributes:
        service: Its name.
        instances: How many containers of it there are, in any state.
        not_started: How many of them have not started.
    """

    service: str
    instances: int
    not_started: int


@dataclass(frozen=True, slots=True)
class WaitsForServices:
    """Containers wait for other services.

    Attributes:
        service: Whose containers.
        count: How many.
        missing: What they wait for.
    """

    service: str
    count: int
    missing: tuple[MissingService, ...]


@dataclass(frozen=True, slots=True)
class ContainersStarting:
    """Containers whose nodes still fetch their files."""

    service: str
    count: int


@dataclass(frozen=True, slots=True)
class ContainersFailed:
    """Containers of a service have failed.

    Attributes:
        service: Whose.
        count: How many.
        last: The one that failed last, such as `worker_3`.
        outcome: How that one ended.
    """

    service: str
    count: int
    last: str
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class OwnerOnly:
    """Only its owner can see what it waits for."""


# --- ends


@dataclass(frozen=True, slots=True)
class MasterFailed:
    """A run of the ApplicationMaster failed.

    Attributes:
        attempt: Its number.
        outcome: How it ended.
    """

    attempt: int
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class ContainersPreempted:
    """YARN preempted containers for other queues."""


Reason = (
    NoNode
    | NoMatchingNode
    | LargerThanAnyNode
    | NoRoomOnNodes
    | QueueNotRunning
    | LabelNotAccessible
    | QueueFull
    | MasterLimit
    | UnmanagedMasterLimit
    | ParallelLimit
    | UserLimit
    | PossibleMasterLimit
    | NothingInTheWay
    | Diagnostics
    | WaitsForServices
    | ContainersStarting
    | ContainersFailed
    | OwnerOnly
    | MasterFailed
    | ContainersPreempted
)
