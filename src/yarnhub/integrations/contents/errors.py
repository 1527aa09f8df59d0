"""Errors of a file system as HTTP errors that JupyterLab shows."""

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

_RESPONSES: tuple[tuple[tuple[type[YarnhubError], ...], HTTPStatus, str], ...] = (
    # Not 401: JupyterLab would show the hub's login page.
    ((AccessDeniedError,), HTTPStatus.FORBIDDEN, "permission denied"),
    (
        (AuthenticationError,),
        HTTPStatus.FORBIDDEN,
        "HDFS could not authenticate you: restart your server",
    ),
    ((PathNotFoundError,), HTTPStatus.NOT_FOUND, "not found"),
    ((PathExistsError,), HTTPStatus.CONFLICT, "the name already exists"),
    ((InvalidNameError,), HTTPStatus.BAD_REQUEST, "HDFS does not allow this name"),
    ((QuotaExceededError,), HTTPStatus.INSUFFICIENT_STORAGE, "your quota is exceeded"),
    (
        (SafeModeError,),
        HTTPStatus.SERVICE_UNAVAILABLE,
        "HDFS is read-only for now: try again",
    ),
    (
        (ConnectError, ConnectionLostError, DeadlineExceededError, StandbyError),
        HTTPStatus.SERVICE_UNAVAILABLE,
        "HDFS does not respond: try again",
    ),
    ((ConfigurationError,), HTTPStatus.SERVICE_UNAVAILABLE, "HDFS is not available"),
)


@contextlib.contextmanager
def http_errors() -> Iterator[None]:
    """Translate the errors of a file system to HTTP errors with a message for the user."""
    try:
        yield
    except YarnhubError as error:
        raise http_error(error) from error


def http_error(error: YarnhubError) -> HTTPError:
    """The HTTP error for an error of a file system."""
    for kinds, status, message in _RESPONSES:
        if isinstance(error, kinds):
            return HTTPError(status, f"{message}: {error}")
    return HTTPError(HTTPStatus.INTERNAL_SERVER_ERROR, str(error))
