"""What clients may ask of an application, and its answers."""

from __future__ import annotations

import math
import operator
from typing import TYPE_CHECKING, Any, TypeVar

from yarnhub.appmaster.core import pages
from yarnhub.appmaster.core.instances import reports
from yarnhub.appmaster.core.keys import weight
from yarnhub.base.errors import ConfigurationError, SpecError
from yarnhub.base.foreign_text import clean_and_cut
from yarnhub.control.messages import (
    ENDED_STATES,
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

A = TypeVar("A")

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
            state.end(request.status, clean_and_cut(request.diagnostics))
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
    if not state.take_tokens(given.without(AMRM_TOKEN)):
        most = state.limits.token_bytes
        raise RefusedError("full", f"an application's tokens have {most} bytes at most")
    return Nothing()


def _answer_containers(
    state: State, request: GetContainers | Scale | AddContainer | KillContainer
) -> Containers | Container | Nothing:
    match request:
        case GetContainers():
            return _containers(state, request)
        case Scale():
            return _scale(state, request)
        case AddContainer():
            return _add(state, request).report()
        case KillContainer():
            instance = find_instance(state, request.id)
            if instance is not None and not instance.state.ended:
                state.kill(instance)
            return Nothing()


def _containers(state: State, request: GetContainers) -> Containers:
    wanted = state.services if request.services is None else request.services
    all_ended = request.states is not None and set(request.states).isdisjoint(ENDED_STATES)
    found = [
        instance
        for service in (_service(state, name) for name in sorted(set(wanted)))
        for instance in (service.alive if all_ended else service.instances)
    ]
    return Containers(containers=reports(found, request.states))


def _add(state: State, request: AddContainer) -> Instance:
    try:
        Service.checks["env"](request.env)
    except SpecError as error:
        raise RefusedError("invalid", f"env.{error}") from error
    size = sum(len(key) + len(value) for key, value in request.env.items())
    if size > state.limits.env:
        raise RefusedError(
            "invalid", f"env has {size} bytes, an instance's may have {state.limits.env} at most"
        )
    service = _service(state, request.service)
    _check_count(state, len(service.active) + 1)
    return service.add(request.env)


def _check_count(state: State, wanted: int) -> None:
    most = state.limits.instances
    if wanted > most:
        raise RefusedError("invalid", f"a service has {most} active instances at most")


def _scale(state: State, request: Scale) -> Containers:
    service = _service(state, request.service)
    active = len(service.active)
    if (request.count is None) == (request.delta is None):
        raise RefusedError("invalid", "give either a count or a delta")
    if request.count is not None and request.count < 0:
        raise RefusedError("invalid", f"a count cannot be negative, got {request.count}")
    wanted = request.count if request.count is not None else active + (request.delta or 0)
    if wanted > active:
        _check_count(state, wanted)
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


def find_instance(state: State, container_id: str) -> Instance | None:
    """The instance of an id like `worker_3`; None if it has ended and is kept no longer.

    Raises:
        RefusedError: There never was one.
    """
    name, _, number = container_id.rpartition("_")
    if not name or not number.isdecimal():
        raise RefusedError("invalid", f"'{container_id}' is not a container's id, like 'worker_0'")
    # The id itself is looked up: int() also reads 01 and ٣, under which no key is ever owned.
    service = _service(state, name)
    if len(number) <= _DIGITS and str(int(number)) == number:
        instance = service.get(int(number))
        if instance is not None or service.forgotten(int(number)):
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
            case AddPage() if len(state.pages) >= state.limits.pages:
                raise RefusedError(
                    "full", f"an application has {state.limits.pages} pages at most: remove one"
                )
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
            return _fitting(state, Entries(entries=tuple(each for each in found if each)))
        case ListKeys():
            return _fitting(state, Keys(keys=_keys(state, request.range)))
        case DeleteKey():
            return Keys(keys=(request.key,) if keys.delete(request.key) else ())
        case DeleteKeys():
            doomed = _keys(state, request.range)
            for key in doomed:
                keys.delete(key)
            return Keys(keys=doomed)


def _fitting(state: State, answer: A) -> A:
    """An answer, if it is not too long to be sent."""
    size, most = _weight_of(answer), state.limits.answer
    if size > most:
        raise RefusedError(
            "full", f"the answer has {size} bytes, {most} fit: ask for a narrower range of keys"
        )
    return answer


def _weight_of(answer: object) -> int:
    match answer:
        case Entries():
            return sum(weight(each.key, each.value) for each in answer.entries)
        case Keys():
            return sum(weight(key, None) for key in answer.keys)
        case _:
            return 0


def _keys(state: State, wanted: KeyRange) -> tuple[str, ...]:
    _check_range(wanted)
    return state.keys.keys(wanted)


def _check_range(wanted: KeyRange) -> None:
    if wanted.prefix is not None and (wanted.start is not None or wanted.end is not None):
        raise RefusedError("invalid", "give either a prefix or a start and an end")


def check(state: State, request: WaitKey | WatchKeys | WatchTokens) -> None:
    """See whether a request that waits can be answered.

    Raises:
        RefusedError: It cannot.
    """
    if isinstance(request, WatchKeys):
        _check_length(state, len(request.ranges))
    for wanted in request.ranges if isinstance(request, WatchKeys) else ():
        _check_range(wanted)


def _put(state: State, request: PutKey) -> Nothing:
    entry = state.keys.get(request.key)
    value, owner = request.value, request.owner
    if value is None:
        if entry is None:
            raise RefusedError("invalid", "ignore_value=True & key isn't already set")
        value = entry.value
    if owner is not None:
        instance = find_instance(state, owner)
        if instance is None or instance.state.ended:
            raise RefusedError("invalid", f"Container '{owner}' has already completed")
    if request.keep_owner:
        owner = entry.owner if entry else None
    new = Entry(key=request.key, value=value, owner=owner)
    _check_room(state, entry, new)
    state.keys.put(new)
    return Nothing()


def _check_room(state: State, old: Entry | None, new: Entry) -> None:
    """See whether a key may be set: an application's keys are in its ApplicationMaster's memory."""
    keys, limits = state.keys, state.limits
    if old is None and len(keys) >= limits.keys:
        raise RefusedError(
            "full", f"the key-value store holds {limits.keys} keys, no more fit: delete some"
        )
    size = weight(new.key, new.value)
    more = size - (weight(old.key, old.value) if old else 0)
    if more > 0 and keys.size + more > limits.key_bytes:
        raise RefusedError(
            "full",
            f"the key-value store holds {keys.size} bytes of the {limits.key_bytes} that fit, "
            f"{size} more do not: delete some",
        )


def _check_length(state: State, length: int) -> None:
    most = state.limits.operations
    if length > most:
        raise RefusedError("invalid", f"the request has {length} parts, {most} are allowed at most")


def _transact(state: State, request: Transaction) -> Transacted:
    _check_length(state, len(request.conditions))
    _check_length(state, max(len(request.on_success), len(request.on_failure)))
    held = [_holds(state, condition) for condition in request.conditions]
    succeeded = all(held)  # all are looked at, so that a wrong one never depends on the others
    operations = request.on_success if succeeded else request.on_failure
    results: list[Nothing | Entries | Keys] = []
    size = 0
    try:
        for operation in operations:
            results.append(_answer_keys(state, operation))
            size += _weight_of(results[-1])
            if size > state.limits.answer:
                raise RefusedError(
                    "full",
                    f"the answer has more than the {state.limits.answer} bytes that fit: ask for "
                    "fewer keys at once",
                )
    except RefusedError:
        state.keys.undo()
        raise
    return Transacted(succeeded=succeeded, results=tuple(results))


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
