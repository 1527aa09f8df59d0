"""What a file system refuses, as the answers that JupyterLab shows."""

from __future__ import annotations

import contextlib
from http import HTTPStatus
from typing import TYPE_CHECKING

from tornado.web import HTTPError

from yarnhub.base.errors import (
    AccessDeniedError,
    AuthenticationError,
    ConfigurationError,
    ConnectError,
    ConnectionLostError,
    DeadlineExceededError,
    StandbyError,
    YarnhubError,
)
from yarnhub.filesystem.errors import (
    InvalidNameError,
    PathExistsError,
    PathNotFoundError,
    QuotaExceededError,
    SafeModeError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_STATUS: tuple[tuple[tuple[type[YarnhubError], ...], HTTPStatus, str], ...] = (
    # Not 401, for which JupyterLab would ask the user to log in to the hub.
    ((AccessDeniedError,), HTTPStatus.FORBIDDEN, "you may not do this"),
    ((AuthenticationError,), HTTPStatus.FORBIDDEN, "HDFS does not know you: restart your server"),
    ((PathNotFoundError,), HTTPStatus.NOT_FOUND, "it is not there"),
    ((PathExistsError,), HTTPStatus.CONFLICT, "something of that name exists"),
    ((InvalidNameError,), HTTPStatus.BAD_REQUEST, "HDFS takes no such name"),
    ((QuotaExceededError,), HTTPStatus.INSUFFICIENT_STORAGE, "your quota is used up"),
    ((SafeModeError,), HTTPStatus.SERVICE_UNAVAILABLE, "HDFS is read-only for now: try again"),
    (
        (ConnectError, ConnectionLostError, DeadlineExceededError, StandbyError),
        HTTPStatus.SERVICE_UNAVAILABLE,
        "HDFS does not answer: try again",
    ),
    ((ConfigurationError,), HTTPStatus.SERVICE_UNAVAILABLE, "HDFS cannot be used here"),
)


@contextlib.contextmanager
def refusals() -> Iterator[None]:
    """Errors of a file system as HTTP's, with words for the user."""
    try:
        yield
    except YarnhubError as error:
        raise refusal(error) from error


def refusal(error: YarnhubError) -> HTTPError:
    """The answer for an error."""
    for kinds, status, words in _STATUS:
        if isinstance(error, kinds):
            return HTTPError(status, f"{words}: {error}")
    return HTTPError(HTTPStatus.INTERNAL_SERVER_ERROR, str(error))
