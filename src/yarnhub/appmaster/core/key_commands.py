"""What clients may ask of an application's keys, and its answers."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any, TypeVar

from yarnhub.appmaster.core.keys import weight
from yarnhub.appmaster.core.state import DIGITS, RefusedError
from yarnhub.control.messages import (
    Condition,
    DeleteKey,
    DeleteKeys,
    Entries,
    Entry,
    GetKey,
    GetKeys,
    KeyField,
    KeyRange,
    Keys,
    ListKeys,
    Nothing,
    Operation,
    Operator,
    PutKey,
    Transacted,
    Transaction,
    WaitKey,
    WatchKeys,
    WatchTokens,
)

if TYPE_CHECKING:
    from yarnhub.appmaster.core.state import State

A = TypeVar("A")


def answer_keys(state: State, request: Operation) -> Nothing | Entries | Keys:
    """Carry out one operation.

    Raises:
        RefusedError: It cannot be carried out; nothing was changed.
    """
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
        instance = state.instance(owner)
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


def transact(state: State, request: Transaction) -> Transacted:
    """Carry out several operations, or none of them.

    Raises:
        RefusedError: One of them cannot be carried out; nothing was changed.
    """
    _check_length(state, len(request.conditions))
    _check_length(state, max(len(request.on_success), len(request.on_failure)))
    held = [_holds(state, condition) for condition in request.conditions]
    succeeded = all(held)  # all are looked at, so that a wrong one never depends on the others
    operations = request.on_success if succeeded else request.on_failure
    results: list[Nothing | Entries | Keys] = []
    size = 0
    try:
        for operation in operations:
            results.append(answer_keys(state, operation))
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
    if not name or not (number.isascii() and number.isdecimal()) or len(number) > DIGITS:
        raise RefusedError("invalid", f"'{container_id}' is not a container's id, like 'worker_0'")
    return name, int(number), number
