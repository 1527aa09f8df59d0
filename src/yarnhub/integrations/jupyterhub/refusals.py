"""Messages for users of the hub when a server cannot be started."""

from __future__ import annotations

from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING

from jupyterhub.spawner import SpawnException
from tornado.web import HTTPError

from yarnhub.base.errors import (
    AccessDeniedError,
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
from yarnhub.client.errors import ApplicationFailedError
from yarnhub.environments.errors import StoreError
from yarnhub.integrations.jupyterhub import words
from yarnhub.sessions.limits import LimitReachedError
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
    """A refusal with a message that the hub's pages show unchanged.

    Args:
        message: For the user and the log; may contain text from other programs.
        reason: The label in the hub's metrics.
        status_code: The HTTP status.
    """

    def __init__(
        self, message: str, *, reason: str, status_code: int = HTTPStatus.BAD_REQUEST
    ) -> None:
        super().__init__(clean_and_cut(message), reason=reason, status_code=status_code)

    @property
    def jupyterhub_message(self) -> str:
        """The message on pages; without it, they also show the class and the status, or nothing."""
        return str(self.message)


class LinkError(YarnhubError):
    """A link has chosen a server. Links alone never start one, so the form is shown."""

    jupyterhub_message = ""


def refuse_user(name: str, owner: str, denied: Collection[str]) -> None:
    """Refuse a cluster user for whom no server is started.

    Raises:
        SpawnException: The message contains the name and the reason.
    """
    try:
        check_user(name, denied)
    except InvalidUserError as error:
        raise Refusal(
            f"{error}. You are logged in as {owner!r}; the administrator can map "
            "names with `c.YarnSpawner.cluster_user`.",
            reason="user",
        ) from error
    except DeniedUserError as error:
        raise Refusal(
            f"Servers cannot be started for {name!r}: it is a system account "
            "(`c.YarnSpawner.denied_users`).",
            reason="user",
        ) from error


def refusal(error: YarnhubError) -> Refusal:
    """The message for the user, for an error during the start of a server."""
    match error:
        case ProgramFailedError() | SessionEndedError():
            return _not_ready(error)
        case OwnAccountError():
            said = f"{error}; c.YarnSpawner.cluster_user can map the name to a different one"
            return Refusal(f"Your server cannot be started: {said}.", reason="limit")
        case LimitReachedError() | SpecError() | StoreError():
            # The first is whole sentences.
            end = "" if isinstance(error, LimitReachedError) else "."
            return Refusal(f"Your server cannot be started: {error}{end}", reason="limit")
        case ApplicationFailedError():
            said = error.diagnostics or str(error)
            return Refusal(f"YARN refused your server: {said}", reason="refused")
        case AccessDeniedError():
            said = f"The hub may not start your server: {error}."
            return Refusal(said, reason="denied", status_code=HTTPStatus.FORBIDDEN)
        case InvalidRequestError():
            return Refusal(f"YARN refused your server: {error}.", reason="refused")
        case ConfigurationError() | AuthenticationError():
            said = f"The hub is not configured correctly: {error}. Contact its administrator."
            return Refusal(said, reason="hub", status_code=HTTPStatus.INTERNAL_SERVER_ERROR)
        case ConnectError() | ConnectionLostError() | DeadlineExceededError():
            said = f"Your server was not started: the cluster does not respond: {error}."
        case RemoteError():
            said = f"Your server was not started: the cluster refused a request: {error}."
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
    """Translate errors to messages for the user whose server cannot be started.

    Raises:
        SpawnException: For each error; with a message for the user.
    """
    try:
        yield
    except HTTPError:  # a refusal, or a hook's own error
        raise
    except YarnhubError as error:
        raise refusal(error) from error
    except Exception as error:
        log.exception("%s's server is not started", who)
        raise Refusal(
            "Your server was not started: an error occurred in the hub; see its log. "
            "Contact its administrator.",
            reason="error",
            status_code=HTTPStatus.INTERNAL_SERVER_ERROR,
        ) from error
