"""Why an application waits or has failed: a class for each reason, with its facts.

Amounts are by YARN's names of resources; memory is in MiB.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

# At run time, too: control.json reads the annotations.
from yarnhub.control.outcomes import Outcome  # noqa: TC001
from yarnhub.yarn.records.cluster import NodeState, QueueState  # noqa: TC001

Amounts = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class PendingRequest:
    """A request for equal containers that YARN has not granted yet.

    Attributes:
        service: The containers' service; empty for the ApplicationMaster.
        count: Their number.
        amounts: The resources of each.
        label: The label that their nodes must have; empty for none.
        hosts: The hosts on which they may run; all if no racks are given either.
        racks: Racks on which they may run, too.
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
    """A node that is not running.

    Attributes:
        node: Host and port of its NodeManager.
        state: Its state in YARN.
        raw: Its own report on its health.
    """

    node: str
    state: NodeState
    raw: str


@dataclass(frozen=True, slots=True)
class NoNode:
    """No node is running."""

    request: PendingRequest
    unavailable: tuple[UnavailableNode, ...]


@dataclass(frozen=True, slots=True)
class NoMatchingNode:
    """No running node has the label of a request and is among its hosts and racks.

    Attributes:
        request: The pending request.
        unavailable: Nodes that are not running.
        labels: All labels that nodes have.
    """

    request: PendingRequest
    unavailable: tuple[UnavailableNode, ...]
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LargerThanAnyNode:
    """A request that can never be granted.

    Attributes:
        request: The pending request.
        unavailable: Nodes that are not running.
        exceeding: The amounts that no node has.
        largest: The largest amount of each that a node has.
    """

    request: PendingRequest
    unavailable: tuple[UnavailableNode, ...]
    exceeding: Amounts
    largest: Amounts


@dataclass(frozen=True, slots=True)
class NoRoomOnNodes:
    """No node has enough free resources now.

    Attributes:
        request: The pending request.
        unavailable: Nodes that are not running.
        node: The one with the most free memory.
        free: Its free resources.
    """

    request: PendingRequest
    unavailable: tuple[UnavailableNode, ...]
    node: str
    free: Amounts


# --- queues and their limits


@dataclass(frozen=True, slots=True)
class QueueNotRunning:
    """The application's queue, or a parent, does not accept applications."""

    queue: str
    state: QueueState


@dataclass(frozen=True, slots=True)
class LabelNotAccessible:
    """The queue has no access to nodes with the label of a request."""

    request: PendingRequest


@dataclass(frozen=True, slots=True)
class ApplicationUsage:
    """What an application of a full queue uses.

    Attributes:
        application: Its id.
        user: Its owner.
        memory: Its memory, in MiB.
    """

    application: str
    user: str
    memory: int


@dataclass(frozen=True, slots=True)
class QueueFull:
    """A queue is full for a request.

    Attributes:
        request: The pending request.
        queue: The application's queue, or a parent.
        used: The resources that it uses.
        limit: The resources that it may use.
        holders: The applications of the queue, the largest memory first.
    """

    request: PendingRequest
    queue: str
    used: Amounts
    limit: Amounts
    holders: tuple[ApplicationUsage, ...]


@dataclass(frozen=True, slots=True)
class MasterLimit:
    """YARN reports that the limit on ApplicationMasters of a queue, or of a user in it, is reached.

    Attributes:
        queue: The queue.
        user: The user with this limit; empty for the limit of all users.
        limit: The resources that they may use.
        used: The resources that all of the queue use.
        asked: The resources that this one requests.
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
        user: The user with this limit; empty for the limit of all users.
        limit: The resources that they may use.
        used: The resources that they use.
        counted: The resources that an unmanaged one counts as.
        waiting: The number of applications of the queue that wait for this.
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
        user: The application's owner.
        held_back: The number of applications of the queue that wait for this.
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
        request: The pending request.
        user: The application's owner.
        queue: The application's.
        held: The memory that the user uses there, in MiB.
    """

    request: PendingRequest
    user: str
    queue: str
    held: int


@dataclass(frozen=True, slots=True)
class Diagnostics:
    """YARN's diagnostics of a waiting application."""

    raw: str


# --- services


@dataclass(frozen=True, slots=True)
class MissingService:
    """A service that has not started.

    Attributes:
        service: Its name.
        instances: The number of its containers, in any state.
        not_started: The number that have not started.
    """

    service: str
    instances: int
    not_started: int


@dataclass(frozen=True, slots=True)
class WaitsForServices:
    """Containers wait for other services.

    Attributes:
        service: The containers' service.
        count: Their number.
        missing: The services that they wait for.
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
        service: The service.
        count: Their number.
        last: The one that failed last, such as `worker_3`.
        outcome: How it ended.
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
