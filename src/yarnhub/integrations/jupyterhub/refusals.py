"""What users of the hub read when their server is not started."""

from __future__ import annotations

from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING

from jupyterhub.spawner import SpawnException
from tornado.web import HTTPError

from yarnhub.base.errors import (
    AccessDeniedError,
    ApplicationFailedError,
    AuthenticationError,
    ConfigurationError,
    ConnectError,
    ConnectionLostError,
    DeadlineExceededError,
    InvalidRequestError,
    RemoteError,
    SpecError,
    YarnhubError,
)
from yarnhub.base.foreign_text import clean_and_cut
from yarnhub.integrations.jupyterhub import words
from yarnhub.sessions.start import ProgramFailedError, SessionEndedError
from yarnhub.sessions.users import (
    DeniedUserError,
    InvalidUserError,
    OwnAccountError,
    check_user,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from logging import Logger


class Refusal(SpawnException):
    """A refusal whose words the hub's pages show as they are.

    Args:
        message: For the user and the log; words of others may be in it.
        reason: A word for it, in the hub's metrics.
        status_code: HTTP's.
    """

    def __init__(
        self, message: str, *, reason: str, status_code: int = HTTPStatus.BAD_REQUEST
    ) -> None:
        super().__init__(clean_and_cut(message), reason=reason, status_code=status_code)

    @property
    def jupyterhub_message(self) -> str:
        """What pages show; without it they show the class and the status too, or nothing."""
        return str(self.message)


class LinkError(YarnhubError):
    """A link has chosen a server, and nothing is started by it alone: the form says so."""

    jupyterhub_message = ""


def refuse_user(name: str, owner: str, denied: Collection[str]) -> None:
    """Refuse a cluster user for whom no server is started.

    Raises:
        SpawnException: Says whom and why.
    """
    try:
        check_user(name, denied)
    except InvalidUserError as error:
        raise Refusal(
            f"{error}. You are logged in as {owner!r}; the administrator maps names by "
            "`c.YarnSpawner.cluster_user`.",
            reason="user",
        ) from error
    except DeniedUserError as error:
        raise Refusal(
            f"No server is started for {name!r}: it is an account of the system's "
            "(`c.YarnSpawner.denied_users`).",
            reason="user",
        ) from error


def refusal(error: YarnhubError) -> Refusal:
    """What a user reads of an error that has ended the start of a server."""
    match error:
        case ProgramFailedError() | SessionEndedError():
            return _not_ready(error)
        case OwnAccountError():
            said = f"{error}, as which no server runs; c.YarnSpawner.cluster_user maps names"
            return Refusal(f"Your server cannot be started: {said}.", reason="limit")
        case SpecError():
            return Refusal(f"Your server cannot be started: {error}.", reason="limit")
        case ApplicationFailedError():
            said = error.diagnostics or str(error)
            return Refusal(f"YARN refused your server: {said}", reason="refused")
        case AccessDeniedError():
            said = f"The hub may not start your server: {error}."
            return Refusal(said, reason="denied", status_code=HTTPStatus.FORBIDDEN)
        case InvalidRequestError():
            return Refusal(f"YARN refused your server: {error}.", reason="refused")
        case ConfigurationError() | AuthenticationError():
            said = f"The hub is not set up as it should be: {error}. Tell its administrator."
            return Refusal(said, reason="hub", status_code=HTTPStatus.INTERNAL_SERVER_ERROR)
        case ConnectError() | ConnectionLostError() | DeadlineExceededError():
            said = f"Your server was not started, since the cluster does not respond: {error}."
        case RemoteError():
            said = f"Your server was not started, since the cluster refused something: {error}."
        case _:
            said = f"Your server was not started: {error}."
    return Refusal(said, reason="cluster", status_code=HTTPStatus.SERVICE_UNAVAILABLE)


def _not_ready(error: ProgramFailedError | SessionEndedError) -> Refusal:
    said = (
        f"The server ended before it was ready: {words.ended(error.outcome)}"
        if isinstance(error, SessionEndedError)
        else f"The server's program cannot run: {error}"
    )
    return Refusal(said, reason="ended", status_code=HTTPStatus.INTERNAL_SERVER_ERROR)


@contextmanager
def telling_why(log: Logger, who: str) -> Iterator[None]:
    """Have an error say to a user why there is no server.

    Raises:
        SpawnException: With words for the user, whatever the error was.
    """
    try:
        yield
    except HTTPError:  # a refusal, or what a hook says
        raise
    except YarnhubError as error:
        raise refusal(error) from error
    except Exception as error:
        log.exception("%s's server is not started", who)
        raise Refusal(
            "Your server was not started: something went wrong in the hub, whose log says more. "
            "Tell its administrator.",
            reason="error",
            status_code=HTTPStatus.INTERNAL_SERVER_ERROR,
        ) from error
