"""The requests about keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from yarnhub.appmaster.core.keys import weight
from yarnhub.appmaster.core.requests import RefusedError
from yarnhub.base.errors import FailureCode
from yarnhub.control.messages import (
    DeleteKey,
    DeleteKeys,
    Entries,
    Entry,
    GetKey,
    GetKeys,
    KeyEvents,
    KeyRange,
    Keys,
    ListKeys,
    Nothing,
    PutKey,
    WaitKey,
    WatchKeys,
)

if TYPE_CHECKING:
    from yarnhub.appmaster.core.budgets import Budgets
    from yarnhub.appmaster.core.key_history import KeyHistory
    from yarnhub.appmaster.core.keys import KeyValueStore
    from yarnhub.appmaster.core.services import Services


class KeyRequests:
    """Carries out requests about keys.

    Args:
        keys: The application's keys.
        history: Their latest events.
        services: The services whose instances can own keys.
        budgets: The limits of the application.
    """

    def __init__(
        self, keys: KeyValueStore, history: KeyHistory, services: Services, budgets: Budgets
    ) -> None:
        self._keys = keys
        self._history = history
        self._services = services
        self._budgets = budgets

    def put(self, request: PutKey) -> Nothing:
        """Set a key."""
        entry = self._keys.get(request.key)
        value, owner = request.value, request.owner
        if value is None:
            if entry is None:
                raise RefusedError(FailureCode.INVALID, "ignore_value=True & key isn't already set")
            value = entry.value
        if owner is not None:
            instance = self._services.instance(owner)
            if instance is None or instance.state.ended:
                raise RefusedError(
                    FailureCode.INVALID, f"Container '{owner}' has already completed"
                )
        if request.keep_owner:
            owner = entry.owner if entry else None
        new = Entry(key=request.key, value=value, owner=owner)
        self._check_room(entry, new)
        self._keys.put(new)
        return Nothing()

    def get(self, request: GetKey) -> Entries:
        """One key's entry, if it is set."""
        entry = self._keys.get(request.key)
        return Entries(entries=() if entry is None else (entry,))

    def get_range(self, request: GetKeys) -> Entries:
        """The entries in a range."""
        found = (self._keys.get(key) for key in self._in_range(request.range))
        answer = Entries(entries=tuple(each for each in found if each))
        self._check_fits(answer_weight(answer))
        return answer

    def list_range(self, request: ListKeys) -> Keys:
        """The keys in a range."""
        answer = Keys(keys=self._in_range(request.range))
        self._check_fits(answer_weight(answer))
        return answer

    def delete(self, request: DeleteKey) -> Keys:
        """Delete one key."""
        return Keys(keys=(request.key,) if self._keys.delete(request.key) else ())

    def delete_range(self, request: DeleteKeys) -> Keys:
        """Delete the keys in a range."""
        doomed = self._in_range(request.range)
        for key in doomed:
            self._keys.delete(key)
        return Keys(keys=doomed)

    def wait(self, request: WaitKey) -> Entries | None:
        """One key's entry, once it is set."""
        entry = self._keys.get(request.key)
        return None if entry is None else Entries(entries=(entry,))

    def watch(self, request: WatchKeys) -> KeyEvents | None:
        """The events of some keys, once there are any."""
        check_length(len(request.ranges), self._budgets)
        for wanted in request.ranges:
            _check_range(wanted)
        found = self._history.since(request)
        at_once = request.after is None or request.timeout <= 0
        return found if found.events or found.missed or at_once else None

    def _in_range(self, wanted: KeyRange) -> tuple[str, ...]:
        _check_range(wanted)
        return self._keys.keys(wanted)

    def _check_fits(self, size: int) -> None:
        """Refuse an answer that is too long to be sent."""
        most = self._budgets.answer
        if size > most:
            raise RefusedError(
                FailureCode.FULL,
                f"the answer has {size} bytes, {most} fit: ask for a narrower range of keys",
            )

    def _check_room(self, old: Entry | None, new: Entry) -> None:
        """Refuse a key that exceeds the limits: keys are in the AM's memory."""
        keys, budgets = self._keys, self._budgets
        if old is None and len(keys) >= budgets.keys:
            raise RefusedError(
                FailureCode.FULL,
                f"the key-value store holds {budgets.keys} keys, no more fit: delete some",
            )
        size = weight(new.key, new.value)
        more = size - (weight(old.key, old.value) if old else 0)
        if more > 0 and keys.size + more > budgets.key_bytes:
            raise RefusedError(
                FailureCode.FULL,
                f"the key-value store holds {keys.size} bytes of the {budgets.key_bytes} that fit, "
                f"{size} more do not: delete some",
            )


def answer_weight(answer: object) -> int:
    """Bytes of keys and values in an answer."""
    match answer:
        case Entries():
            return sum(weight(each.key, each.value) for each in answer.entries)
        case Keys():
            return sum(weight(key, None) for key in answer.keys)
        case _:
            return 0


def check_length(length: int, budgets: Budgets) -> None:
    """Refuse a request with too many parts.

    Raises:
        RefusedError: It has too many.
    """
    most = budgets.operations
    if length > most:
        raise RefusedError(
            FailureCode.INVALID, f"the request has {length} parts, {most} are allowed at most"
        )


def _check_range(wanted: KeyRange) -> None:
    if wanted.prefix is not None and (wanted.start is not None or wanted.end is not None):
        raise RefusedError(FailureCode.INVALID, "give either a prefix or a start and an end")
