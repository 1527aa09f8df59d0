"""A blocking client: an asynchronous one that is kept open on the loop."""

from __future__ import annotations

import abc
import functools
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from yarnhub.base.errors import YarnhubError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import TracebackType
    from typing import Self

    from yarnhub.client.blocking.loop import KeptOpen

P = ParamSpec("P")
T = TypeVar("T")


class BlockingClient(abc.ABC):
    """Runs the methods of an asynchronous client, which `_held` keeps open; a context manager."""

    _held: KeptOpen

    @abc.abstractmethod
    def _translated(self, error: YarnhubError) -> Exception:
        """The error to raise for an error of the client."""

    def call(self, function: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a coroutine function, such as a method of the client; translates its errors."""
        try:
            return self._held.call(functools.partial(function, *args, **kwargs))
        except YarnhubError as error:
            raise self._translated(error) from error

    def close(self) -> None:
        """Close all connections; may be called again."""
        self._held.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
