"""What blocking clients are made of: an engine on the event loop, and skein's errors."""

from __future__ import annotations

import contextlib
import functools
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from skein import exceptions
from yarnhub.base import errors
from yarnhub.client.errors import ApplicationTypeError, QueueRefusedError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from types import TracebackType
    from typing import Self

    from yarnhub.client.blocking.loop import KeptOpen

P = ParamSpec("P")
T = TypeVar("T")


def translate(error: errors.YarnhubError, otherwise: type[exceptions.SkeinError]) -> Exception:
    """The error that skein's users know for one of yarnhub's.

    Args:
        error: Yarnhub's.
        otherwise: The class for what has none of its own.
    """
    match error:
        case errors.SpecError():
            return exceptions.RefusedError(str(error))
        case errors.CredentialsError():
            new = "`Security.new_credentials().to_directory(folder, force=True)`"
            return otherwise(f"{error}; {new} makes new ones")
        case errors.NotBegunError():
            return otherwise(f"{error}: `Client.explain({error.application_id!r})` says why")
        case errors.ConnectError() | errors.ConnectionLostError():
            return exceptions.ConnectionError(str(error))
        case errors.DeadlineExceededError():
            return exceptions.TimeoutError(str(error))
        case errors.ApplicationNotFoundError() | QueueRefusedError():
            return ValueError(str(error))
        case ApplicationTypeError():
            return exceptions.SkeinError(str(error))
        case errors.ControlError(code="invalid"):
            return ValueError(str(error))
        case errors.ControlError(code="ended"):
            return exceptions.ConnectionError(str(error))
        case _:
            return otherwise(str(error))


@contextlib.contextmanager
def skeins_errors(
    otherwise: type[exceptions.SkeinError] = exceptions.SkeinError,
) -> Iterator[None]:
    """Raise skein's errors for yarnhub's own."""
    try:
        yield
    except errors.YarnhubError as error:
        raise translate(error, otherwise) from error


class Blocking:
    """What a client is made of: an engine that is kept open on the loop."""

    _otherwise: type[exceptions.SkeinError]
    _held: KeptOpen

    def call(self, function: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a method of the engine, and raise skein's errors for its own."""
        try:
            return self._held.call(functools.partial(function, *args, **kwargs))
        except errors.YarnhubError as error:
            raise translate(error, self._otherwise) from error

    def close(self) -> None:
        """Close all connections; a second time does nothing."""
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
