"""What clients may ask of an application, and its answers."""

from __future__ import annotations

import math
import operator
from typing import TYPE_CHECKING, Any

from yarnhub.appmaster.core import pages
from yarnhub.appmaster.core.instances import reports
from yarnhub.base.errors import ConfigurationError, SpecError
from yarnhub.control.messages import (
    AddContainer,
    AddPage,
    Condition,
    Container,
    Containers,
    DeleteKey,
    DeleteKeys,
    Entries,
    Entry,
    Failure,
    GetContainers,
    GetKey,
    GetKeys,
    GetPages,
    GetSpecification,
    GetUi,
    KeyField,
    KeyRange,
    Keys,
    KillContainer,
    ListKeys,
    Nothing,
    Operation,
    Operator,
    Pages,
    PutKey,
    RemovePage,
    Request,
    Scale,
    SetProgress,
    Shutdown,
    Specification,
    Transacted,
    Transaction,
    Ui,
    UpdateTokens,
    WaitKey,
    WatchKeys,
    WatchTokens,
)
from yarnhub.hadoop.wire.tokens import AMRM_TOKEN, Credentials
from yarnhub.spec import Service

if TYPE_CHECKING:
    from yarnhub.appmaster.core.instances import Instance, ServiceInstances
    from yarnhub.appmaster.core.state import State


MAX_INSTANCES = 10_000
"""Of one service: a slip of the keyboard must not eat the AM's memory."""
_DIGITS = 18
"""Of an instance's number, at most: Python refuses to read very long ones."""


class RefusedError(Exception):
    """A request that is not carried out; `failure` tells the client why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.failure = Failure(code, message)


def answer(state: State, request: Request[Any]) -> object:
    """Carry out a request that can be answered at once.

    Raises:
        RefusedError: It cannot be carried out; nothing was changed.
    """
    match request:
        case GetSpecification():
            return Specification(document=state.document)
        case Shutdown():
            state.end(request.status, request.diagnostics)
            return Nothing()
        case SetProgress():
            return _set_progress(state, request)
        case Scale() | AddContainer() if state.finish is not None:
            raise RefusedError("ended", "the application is ending")
        case GetContainers() | Scale() | AddContainer() | KillContainer():
            return _answer_containers(state, request)
        case PutKey() | GetKey() | GetKeys() | ListKeys() | DeleteKey() | DeleteKeys():
            return _answer_keys(state, request)
        case Transaction():
            return _transact(state, request)
        case UpdateTokens():
            return _update_tokens(state, request)
        case GetUi() | AddPage() | RemovePage() | GetPages():
            return _answer_pages(state, request)
        case _:
            raise RefusedError("unknown-request", f"unknown request {request.name()}")


def _set_progress(state: State, request: SetProgress) -> Nothing:
    if not (math.isfinite(request.progress) and 0 <= request.progress <= 1):
        raise RefusedError("invalid", f"progress must be between 0 and 1, got {request.progress}")
    state.progress = request.progress
    return Nothing()


def _update_tokens(state: State, request: UpdateTokens) -> Nothing:
    try:
        given = Credentials.read(request.tokens)
    except ConfigurationError as error:
        raise RefusedError("invalid", str(error)) from error
    # That one opens the ResourceManager to the ApplicationMaster, and is YARN's alone to give.
    state.take_tokens(given.without(AMRM_TOKEN))
    return Nothing()


def _answer_containers(
    state: State, request: GetContainers | Scale | AddContainer | KillContainer
) -> Containers | Container | Nothing:
    match request:
        case GetContainers():
            wanted = state.services if request.services is None else request.services
            found = [
                instance
                for name in sorted(set(wanted))
                for instance in _service(state, name).instances
            ]
            return Containers(containers=reports(found, request.states))
        case Scale():
            return _scale(state, request)
        case AddContainer():
            return _add(state, request).report()
        case KillContainer():
            instance = find_instance(state, request.id)
            if not instance.state.ended:
                state.kill(instance)
            return Nothing()


def _add(state: State, request: AddContainer) -> Instance:
    try:
        Service.checks["env"](request.env)
    except SpecError as error:
        raise RefusedError("invalid", f"env.{error}") from error
    return _service(state, request.service).add(request.env)


def _scale(state: State, request: Scale) -> Containers:
    service = _service(state, request.service)
    active = len(service.active)
    if (request.count is None) == (request.delta is None):
        raise RefusedError("invalid", "give either a count or a delta")
    if request.count is not None and request.count < 0:
        raise RefusedError("invalid", f"a count cannot be negative, got {request.count}")
    wanted = request.count if request.count is not None else active + (request.delta or 0)
    if wanted > MAX_INSTANCES:
        raise RefusedError("invalid", f"a service has {MAX_INSTANCES} active instances at most")
    touched = service.surplus(max(0, wanted))
    for instance in touched:
        state.kill(instance)
    touched += [service.add({}) for _ in range(wanted - active)]
    return Containers(containers=reports(touched, None))


def _service(state: State, name: str) -> ServiceInstances:
    try:
        return state.services[name]
    except KeyError:
        raise RefusedError("invalid", f"Unknown service '{name}'") from None


def find_instance(state: State, container_id: str) -> Instance:
    """The instance of an id like `worker_3`.

    Raises:
        RefusedError: There is none.
    """
    name, _, number = container_id.rpartition("_")
    if not name or not number.isdecimal():
        raise RefusedError("invalid", f"'{container_id}' is not a container's id, like 'worker_0'")
    # The id itself is looked up: int() also reads 01 and ٣, under which no key is ever owned.
    for instance in _service(state, name).instances:
        if instance.id == container_id:
            return instance
    raise RefusedError("invalid", f"Service '{name}' has no container instance {number}")


def _answer_pages(
    state: State, request: GetUi | AddPage | RemovePage | GetPages
) -> Ui | Nothing | Pages:
    try:
        match request:
            case GetUi():
                return state.ui
            case GetPages():
                return Pages(pages=tuple(state.pages.values()))
            case AddPage():
                pages.add(state.pages, request.page)
            case RemovePage():
                pages.remove(state.pages, request.route)
    except ValueError as error:
        raise RefusedError("invalid", str(error)) from error
    return Nothing()


def _answer_keys(
    state: State,
    request: Operation,
) -> Nothing | Entries | Keys:
    keys = state.keys
    match request:
        case PutKey():
            return _put(state, request)
        case GetKey():
            entry = keys.get(request.key)
            return Entries(entries=() if entry is None else (entry,))
        case GetKeys():
            found = (keys.get(key) for key in _keys(state, request.range))
            return Entries(entries=tuple(entry for entry in found if entry is not None))
        case ListKeys():
            return Keys(keys=_keys(state, request.range))
        case DeleteKey():
            return Keys(keys=(request.key,) if keys.delete(request.key) else ())
        case DeleteKeys():
            doomed = _keys(state, request.range)
            for key in doomed:
                keys.delete(key)
            return Keys(keys=doomed)


def _keys(state: State, wanted: KeyRange) -> tuple[str, ...]:
    _check_range(wanted)
    return state.keys.keys(wanted)


def _check_range(wanted: KeyRange) -> None:
    if wanted.prefix is not None and (wanted.start is not None or wanted.end is not None):
        raise RefusedError("invalid", "give either a prefix or a start and an end")


def check(request: WaitKey | WatchKeys | WatchTokens) -> None:
    """See whether a request that waits can be answered.

    Raises:
        RefusedError: It cannot.
    """
    for wanted in request.ranges if isinstance(request, WatchKeys) else ():
        _check_range(wanted)


def _put(state: State, request: PutKey) -> Nothing:
    entry = state.keys.get(request.key)
    value, owner = request.value, request.owner
    if value is None:
        if entry is None:
            raise RefusedError("invalid", "ignore_value=True & key isn't already set")
        value = entry.value
    if owner is not None and find_instance(state, owner).state.ended:
        raise RefusedError("invalid", f"Container '{owner}' has already completed")
    if request.keep_owner:
        owner = entry.owner if entry else None
    state.keys.put(Entry(key=request.key, value=value, owner=owner))
    return Nothing()


def _transact(state: State, request: Transaction) -> Transacted:
    held = [_holds(state, condition) for condition in request.conditions]
    succeeded = all(held)  # all are looked at, so that a wrong one never depends on the others
    operations = request.on_success if succeeded else request.on_failure
    try:
        results = tuple(_answer_keys(state, operation) for operation in operations)
    except RefusedError:
        state.keys.undo()
        raise
    return Transacted(succeeded=succeeded, results=results)


_COMPARE = {
    Operator.LESS: operator.lt,
    Operator.LESS_EQUAL: operator.le,
    Operator.GREATER: operator.gt,
    Operator.GREATER_EQUAL: operator.ge,
}


def _holds(state: State, condition: Condition) -> bool:
    entry = state.keys.get(condition.key)
    left: Any  # bytes, or what containers are ordered by; None if there is none
    right: Any
    if condition.field is KeyField.VALUE:
        left, right = entry.value if entry else None, condition.value
        misplaced = condition.owner is not None
    else:
        left, right = _by_number(entry.owner if entry else None), _by_number(condition.owner)
        misplaced = condition.value is not None
    if misplaced:
        raise RefusedError("invalid", "a condition has either a value or an owner")
    match condition.operator:
        case Operator.EQUAL:
            return bool(left == right)
        case Operator.NOT_EQUAL:
            return bool(left != right)
        case _ if right is None:
            raise RefusedError("invalid", "None is only equal or not")
        case _:
            return left is not None and bool(_COMPARE[condition.operator](left, right))


def _by_number(container_id: str | None) -> tuple[str, int, str] | None:
    """What containers are ordered by: worker_9 comes before worker_10."""
    if container_id is None:
        return None
    name, _, number = container_id.rpartition("_")
    if not name or not (number.isascii() and number.isdecimal()) or len(number) > _DIGITS:
        raise RefusedError("invalid", f"'{container_id}' is not a container's id, like 'worker_0'")
    return name, int(number), number
