"""Blocking clients that raise skein's errors for those of yarnhub."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, ParamSpec, Protocol, TypeVar

from skein import exceptions
from yarnhub.base import errors
from yarnhub.client.blocking.client import BlockingClient
from yarnhub.client.errors import ApplicationTypeError, EventsMissedError, QueueRefusedError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from yarnhub.client.application.client import ApplicationClient as Engine
    from yarnhub.control.messages import Request

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
        case (
            errors.ConnectError()
            | errors.ConnectionLostError()
            | errors.ControlError(code=errors.FailureCode.ENDED)
        ):
            return exceptions.ConnectionError(str(error))
        case errors.DeadlineExceededError():
            return exceptions.TimeoutError(str(error))
        case (
            errors.ApplicationNotFoundError()
            | QueueRefusedError()
            | errors.ControlError(code=errors.FailureCode.INVALID)
        ):
            return ValueError(str(error))
        case EventsMissedError():
            return exceptions.EventsMissedError(str(error))
        case ApplicationTypeError():
            return exceptions.SkeinError(str(error))
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


class Blocking(BlockingClient):
    """A client that raises skein's errors."""

    _otherwise: type[exceptions.SkeinError]

    def _translated(self, error: errors.YarnhubError) -> Exception:
        return translate(error, self._otherwise)


class BlockingApplication(Protocol):
    """What an application's keys and pages need of `skein.ApplicationClient`."""

    id: str
    engine: Engine

    def call(self, function: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """See `BlockingClient.call`."""
        ...

    def ask(self, request: Request[T]) -> T:
        """See `ApplicationClient.ask`."""
        ...
