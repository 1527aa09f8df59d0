"""Errors as RFC 9457 describes them: `application/problem+json`, in words for the caller."""

from __future__ import annotations

import http
import logging
from typing import TYPE_CHECKING, Any

from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from yarnhub.base.errors import (
    AccessDeniedError,
    ApplicationNotFoundError,
    AuthenticationError,
    ConfigurationError,
    LocalProtocolError,
    NotBegunError,
    RemoteError,
    RemoteProtocolError,
    SpecError,
    YarnhubError,
)
from yarnhub.base.foreign_text import clean_and_cut
from yarnhub.client.errors import QueueRefusedError
from yarnhub.client.logs.aggregated import (
    LogAggregationOffError,
    LogArchiveError,
    LogsNotReadyError,
    LogsRemovedError,
    NoSuchLogError,
)
from yarnhub.client.logs.node import NodeAccessDeniedError
from yarnhub.database.errors import (
    DatabaseUnavailableError,
    LimitChangedError,
    NoSuchLimitError,
    TooManyLimitsError,
)
from yarnhub.environments.errors import (
    BuildRunningError,
    EnvironmentLimitError,
    EnvironmentNotFoundError,
    StoreError,
)
from yarnhub.server.hub.api import HubUnavailableError
from yarnhub.server.hub.oauth import LoginRefusedError
from yarnhub.server.hub.servers import HubRefusedError
from yarnhub.server.platform.description import PROBLEM
from yarnhub.server.platform.viewers import UnknownUserError
from yarnhub.sessions.limits import LimitReachedError
from yarnhub.sessions.users import DeniedUserError, InvalidUserError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastapi import FastAPI, Request

_log = logging.getLogger(__name__)

_PRIVATE = "The service cannot authenticate to the cluster or the hub: its log has the details."
"""Instead of errors with names of files, principals and addresses of the service."""
_REFUSED_BY_NODE = (
    "While an application runs, its logs are on the nodes, which do not accept services that act "
    "for users: the application has to allow the service's account to view it. When it has ended, "
    "you can read its logs here."
)
_STATUS: tuple[tuple[type[YarnhubError], int], ...] = (
    (SpecError, 422),
    (ApplicationNotFoundError, 404),
    (AccessDeniedError, 403),
    (LoginRefusedError, 403),
    (DeniedUserError, 403),
    (InvalidUserError, 403),
    (UnknownUserError, 403),
    (NoSuchLogError, 404),
    (LogsRemovedError, 404),
    (LogAggregationOffError, 404),
    (LogArchiveError, 404),  # it has none that could be read here
    (EnvironmentNotFoundError, 404),
    (NoSuchLimitError, 404),
    (EnvironmentLimitError, 403),
    (StoreError, 409),
    (BuildRunningError, 409),
    (LogsNotReadyError, 409),
    (NotBegunError, 409),
    (QueueRefusedError, 409),
    (LimitReachedError, 409),
    (TooManyLimitsError, 409),
    (LimitChangedError, 412),
    (HubRefusedError, 409),
    (AuthenticationError, 502),  # of the service, not of the caller
    (ConfigurationError, 502),
    (RemoteError, 502),
    (RemoteProtocolError, 502),
    (LocalProtocolError, 500),
    (YarnhubError, 503),  # the cluster or the hub does not respond
)
_MAX_ERRORS = 20


def problem(
    status: int, detail: str = "", *, headers: Mapping[str, str] | None = None, **members: object
) -> JSONResponse:
    """A response that says what is wrong.

    Args:
        status: The HTTP status.
        detail: What is wrong with this request.
        headers: Further headers.
        members: Further members of the document.
    """
    content = {"title": http.HTTPStatus(status).phrase, "status": status}
    if detail:
        members = {"detail": detail, **members}
    return JSONResponse(
        {**content, **members},
        status_code=status,
        headers=dict(headers or {}),
        media_type=PROBLEM,
    )


def add_handlers(app: FastAPI) -> None:
    """Have an application answer with problems, whatever is raised."""
    app.add_exception_handler(YarnhubError, _failed)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(Exception, _broken)


async def _failed(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, YarnhubError)
    status = status_of(error)
    if status >= http.HTTPStatus.INTERNAL_SERVER_ERROR:
        _log.warning("%s %s: %s", request.method, request.url.path, error)
    if isinstance(error, SpecError):  # of a document that was sent
        place = {"detail": clean_and_cut(error.reason), "in": "body", "name": error.path}
        return problem(status, "The document is invalid: see `errors`.", errors=[place])
    return problem(status, in_public(error))


def status_of(error: YarnhubError) -> int:
    """The HTTP status for an error."""
    return next(number for kind, number in _STATUS if isinstance(error, kind))


def refusal(error: HTTPException | YarnhubError) -> str:
    """The text for users of an error, or of a refusal of our own."""
    return in_public(error) if isinstance(error, YarnhubError) else error.detail


def in_public(error: YarnhubError) -> str:
    """The text of an error for users."""
    text = clean_and_cut(str(error), lines=False)
    if isinstance(error, LogAggregationOffError | LogArchiveError):
        return text
    if isinstance(error, NodeAccessDeniedError):
        return f"{text}. {_REFUSED_BY_NODE}"
    if isinstance(error, AuthenticationError | ConfigurationError):
        return _PRIVATE
    if isinstance(error, BuildRunningError):
        return f"A build of {error.name} is running: {error.application_id}"
    if isinstance(error, DatabaseUnavailableError):
        return "The database of the service does not respond. Try again."
    if isinstance(error, HubUnavailableError):
        return "JupyterHub does not respond as expected. Try again."
    return text


async def _invalid(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    errors = [_one(each) for each in error.errors()[:_MAX_ERRORS]]
    return problem(422, "The request is invalid: see `errors`.", errors=errors)


def _one(error: Mapping[str, Any]) -> dict[str, str]:  # Any: pydantic's
    place, *names = error["loc"]
    return {"detail": error["msg"], "in": str(place), "name": ".".join(map(str, names))}


async def _refused(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    detail = "" if error.detail == http.HTTPStatus(error.status_code).phrase else error.detail
    return problem(error.status_code, detail, headers=error.headers)


async def _broken(request: Request, error: Exception) -> JSONResponse:
    _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return problem(500, "The service has a fault: its log has the details.")
