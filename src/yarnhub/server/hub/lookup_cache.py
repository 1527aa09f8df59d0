"""A cache of look-ups, which concurrent callers share."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from yarnhub.base.single_flight import SingleFlight

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

T = TypeVar("T")


class LookupCache(Generic[T]):
    """Looks up answers by a key; concurrent callers share one look-up, later ones its answer.

    Cancelling a caller leaves the look-up to the others. An error is not kept.

    Args:
        look_up: Returns the answer for a key.
        fresh: Seconds for which an answer is used.
        most: Answers that are kept; the ones that were used least recently are dropped.
    """

    def __init__(
        self, look_up: Callable[[str], Coroutine[Any, Any, T]], *, fresh: float, most: int
    ) -> None:
        self._look_up = look_up
        self._fresh = fresh
        self._most = most
        self._flights: OrderedDict[str, SingleFlight[T]] = OrderedDict()

    async def get(self, key: str) -> T:
        """The answer for a key, kept or looked up."""
        flight = self._flights.get(key)
        if flight is None:
            flight = SingleFlight(lambda: self._look_up(key), fresh=self._fresh)
            self._flights[key] = flight
        self._flights.move_to_end(key)
        while len(self._flights) > self._most:
            self._flights.popitem(last=False)
        return await flight.get()
