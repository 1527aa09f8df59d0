"""The requests that an ApplicationMaster answers, and their answers.

A request class names its answer's class: `Scale` is a `Request[Containers]`. Containers are named
`<service>_<instance>`, times are seconds since 1970.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, TypeVar

A = TypeVar("A")


class Request(Generic[A]):
    """The root of all requests; `A` is the answer's class."""

    answer: ClassVar[type[Any]]
    idempotent: ClassVar[bool] = False
    """Whether it may be sent again when it is not known whether it was carried out: twice has the
    effect and the answer of once, whatever others do between."""

    @classmethod
    def name(cls) -> str:
        """The name in the path: `/control/<name>`."""
        return cls.__name__


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
        return self in _ENDED


_ENDED = frozenset({ContainerState.SUCCEEDED, ContainerState.FAILED, ContainerState.KILLED})
ACTIVE_STATES = (ContainerState.WAITING, ContainerState.REQUESTED, ContainerState.RUNNING)


class FinalStatus(enum.Enum):
    """How an application ends."""

    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    KILLED = "KILLED"
    UNDEFINED = "UNDEFINED"


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

    @property
    def id(self) -> str:
        """`<service>_<instance>`."""
        return f"{self.service_name}_{self.instance}"


@dataclass(frozen=True, slots=True)
class Nothing:
    """The answer of a request that is carried out in silence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Containers:
    """Containers, in the order that the request describes."""

    containers: tuple[Container, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Specification:
    """The effective specification, as a JSON document."""

    document: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GetSpecification(Request[Specification]):
    """Ask for the specification."""

    answer = Specification
    idempotent = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Shutdown(Request[Nothing]):
    """End the application; answered before it ends."""

    answer = Nothing
    status: FinalStatus = FinalStatus.SUCCEEDED
    diagnostics: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GetContainers(Request[Containers]):
    """Ask for containers, sorted by service and instance; None filters nothing."""

    answer = Containers
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


@dataclass(frozen=True, slots=True, kw_only=True)
class SetProgress(Request[Nothing]):
    """Show progress, 0 to 1, in YARN's reports."""

    answer = Nothing
    idempotent = True
    progress: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A key's value, and the container that owns it, if any."""

    key: str
    value: bytes
    owner: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entries:
    """Keys with their values, in key order."""

    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """Keys, in order."""

    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRange:
    """Keys from `start` up to but without `end`; or those that begin with `prefix`."""

    start: str | None = None
    end: str | None = None
    prefix: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GetKeys(Request[Entries]):
    """Ask for the entries in a range."""

    answer = Entries
    idempotent = True
    range: KeyRange = field(default_factory=KeyRange)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListKeys(Request[Keys]):
    """Ask for the keys in a range, without their values."""

    answer = Keys
    idempotent = True
    range: KeyRange = field(default_factory=KeyRange)


@dataclass(frozen=True, slots=True, kw_only=True)
class GetKey(Request[Entries]):
    """Ask for one key; answered with no entry if it is not set."""

    answer = Entries
    idempotent = True
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitKey(Request[Entries]):
    """Ask for one key when it is set; answered with no entry after `timeout` seconds."""

    answer = Entries
    idempotent = True
    key: str
    timeout: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PutKey(Request[Nothing]):
    """Set a key; with an owner the key is deleted when that container ends.

    A value of None leaves the value as it is, which a key has to have then; `keep_owner` leaves
    the owner.
    """

    answer = Nothing
    key: str
    value: bytes | None = None
    owner: str | None = None
    keep_owner: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteKeys(Request[Keys]):
    """Delete the keys in a range; answers with those that were set."""

    answer = Keys
    range: KeyRange


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteKey(Request[Keys]):
    """Delete one key; answers with it if it was set."""

    answer = Keys
    key: str


Operation = GetKeys | ListKeys | GetKey | PutKey | DeleteKeys | DeleteKey
"""What may be part of a transaction."""


class Operator(enum.Enum):
    """How a condition compares."""

    EQUAL = "=="
    NOT_EQUAL = "!="
    LESS = "<"
    LESS_EQUAL = "<="
    GREATER = ">"
    GREATER_EQUAL = ">="


class KeyField(enum.Enum):
    """What of a key a condition compares."""

    VALUE = "VALUE"
    """As unsigned bytes."""
    OWNER = "OWNER"
    """By service, then by instance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """Compares a key's value or owner with `value` or `owner`.

    A key that is not set has None for both, and None is only equal or not: an order with it does
    not hold.
    """

    key: str
    field: KeyField
    operator: Operator
    value: bytes | None = None
    owner: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Transacted:
    """Whether all conditions held, and the answers of the operations carried out."""

    succeeded: bool
    results: tuple[Nothing | Entries | Keys, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction(Request[Transacted]):
    """Carry out `on_success` if all conditions hold, else `on_failure`: all of it or nothing."""

    answer = Transacted
    conditions: tuple[Condition, ...] = ()
    on_success: tuple[Operation, ...] = ()
    on_failure: tuple[Operation, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyEvent:
    """A key was set; or deleted, if `value` is None: `owner` is whose it was.

    Events are numbered from 1, without gaps.
    """

    number: int
    key: str
    value: bytes | None
    owner: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyEvents:
    """Events in order; to be asked for once more `after` the number `last`.

    With `missed` there were others before them that are not kept any more.
    """

    events: tuple[KeyEvent, ...]
    last: int
    missed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchKeys(Request[KeyEvents]):
    """Ask for the events in some ranges when there is one, or for none after `timeout` seconds.

    With `after` None it is answered at once, with the number of the latest event. The
    application keeps what happened last for whoever comes back: nothing is lost between two
    requests, nor with an answer that does not arrive.
    """

    answer = KeyEvents
    idempotent = True
    ranges: tuple[KeyRange, ...] = ()
    after: int | None = None
    timeout: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """Delegation tokens as a token file without secrets (HDTS); empty if there are none.

    Later ones have a greater `number`, in a later attempt of the application too.
    """

    number: int
    tokens: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateTokens(Request[Nothing]):
    """Use these delegation tokens from now on, given as a token file (HDTS).

    Containers that are started later get them, and those that run are told. Of the file's
    content only delegation tokens are taken.
    """

    answer = Nothing
    idempotent = True
    tokens: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchTokens(Request[Tokens]):
    """Ask for tokens that are newer than those of the number `after`, as soon as there are some.

    After `timeout` seconds it is answered with none.
    """

    answer = Tokens
    idempotent = True
    after: int = 0
    timeout: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A web page of a service that the application's own pages pass on.

    `route` is its segment in their path, `target` the URL that it is at, and `link_name` what it
    is called there; without one it is passed on but not shown.
    """

    route: str
    target: str
    link_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pages:
    """Pages, in the order that they were added."""

    pages: tuple[Page, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ui:
    """Where the application's web pages are: URLs that end with a slash, each leads to the same.

    Pages of services are below them, behind `proxy_prefix`.
    """

    addresses: tuple[str, ...] = ()
    proxy_prefix: str = "/pages"


@dataclass(frozen=True, slots=True, kw_only=True)
class GetUi(Request[Ui]):
    """Ask where the web pages are."""

    answer = Ui


@dataclass(frozen=True, slots=True, kw_only=True)
class AddPage(Request[Nothing]):
    """Pass a page on; routes and link names are unique."""

    answer = Nothing
    page: Page


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovePage(Request[Nothing]):
    """Pass a page on no longer."""

    answer = Nothing
    route: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GetPages(Request[Pages]):
    """Ask for the pages that are passed on."""

    answer = Pages


@dataclass(frozen=True, slots=True)
class Failure:
    """The answer to a request that was refused.

    `code` is one of `unknown-request`, `invalid`, `not-found`, `ended`.
    """

    code: str
    message: str


REQUESTS: dict[str, type[Request[Any]]] = {
    cls.name(): cls
    for cls in (
        GetSpecification,
        Shutdown,
        GetContainers,
        Scale,
        AddContainer,
        KillContainer,
        SetProgress,
        GetKeys,
        ListKeys,
        GetKey,
        WaitKey,
        PutKey,
        DeleteKeys,
        DeleteKey,
        Transaction,
        WatchKeys,
        UpdateTokens,
        WatchTokens,
        GetUi,
        AddPage,
        RemovePage,
        GetPages,
    )
}
