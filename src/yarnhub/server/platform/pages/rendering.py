"""Pages from templates, and what all of them have in common."""

from __future__ import annotations

import hashlib
import http
import logging
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import jinja2
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from markupsafe import Markup
from starlette.exceptions import HTTPException

from yarnhub.base.errors import YarnhubError
from yarnhub.base.foreign_text import without_controls
from yarnhub.server.platform.pages import words
from yarnhub.server.platform.pages.login import NotLoggedInError, log_in
from yarnhub.server.platform.problems import in_public, status_of

if TYPE_CHECKING:
    from fastapi import FastAPI, Request, Response

    from yarnhub.server.platform.pages.login import Visitor
    from yarnhub.server.platform.service import Service

_log = logging.getLogger(__name__)

_HERE = Path(__file__).parent
STATIC = _HERE / "static"
HEADERS = {
    # Scripts and styles are files of ours: foreign text that became HTML could run nothing.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "private, no-cache",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
_IMMUTABLE = "public, max-age=31536000, immutable"


def _shown(value: object) -> object:
    """What a template shows of a value: control characters could reverse the text around them."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    return without_controls(value)


_environment = jinja2.Environment(
    loader=jinja2.FileSystemLoader(_HERE / "templates"),
    autoescape=True,
    finalize=_shown,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=jinja2.StrictUndefined,
    auto_reload=False,
)
_environment.filters["memory"] = words.memory
_environment.filters["amount"] = words.amount
_environment.filters["size"] = words.size


class Files(StaticFiles):
    """The scripts and styles; their addresses change with their content."""

    def file_response(self, *args: object, **kwargs: object) -> Response:
        """The response for a file."""
        response: Response = super().file_response(*args, **kwargs)  # type: ignore[arg-type]  # as called
        response.headers["Cache-Control"] = _IMMUTABLE
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response


@cache
def _digest(name: str) -> str:
    return hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:16]


def fragment(template: str, service: Service, visitor: Visitor | None, **values: object) -> str:
    """A part of a page.

    Args:
        template: The name of its file.
        service: The service.
        visitor: Who sees it.
        values: What it shows.
    """
    administers = visitor is not None and service.administrators.allows(visitor.identity.viewer)
    return _environment.get_template(template).render(
        administers=administers,
        prefix=service.prefix,
        hub_url=service.oauth.hub_url,
        static=lambda name: f"{service.prefix}/static/{name}?v={_digest(name)}",
        visitor=visitor,
        **values,
    )


def page(
    template: str,
    service: Service,
    visitor: Visitor | None,
    **values: object,
) -> HTMLResponse:
    """A page; for the arguments see `fragment`."""
    return HTMLResponse(fragment(template, service, visitor, **values), headers=HEADERS)


def add_handlers(app: FastAPI) -> None:
    """Have pages answer errors with pages."""
    app.add_exception_handler(NotLoggedInError, _log_in)
    app.add_exception_handler(YarnhubError, _failed)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(Exception, _broken)


async def _log_in(request: Request, _: Exception) -> Response:
    service: Service = request.app.state.service
    if request.method == "POST":  # its form is lost: go to where it was
        where, _slash, action = request.url.path.rpartition("/")
        if action == "logout":
            where = f"{service.oauth.hub_url}logout"
        elif where == f"{service.prefix}/servers":
            where = f"{service.prefix}/"
        return RedirectResponse(where, 303)
    if "HX-Request" not in request.headers:
        return log_in(request, service)
    # A script asks: it reloads the page, which leads to the hub.
    response = _error(request, 401, "You are logged out. Reload the page.")
    response.headers["HX-Refresh"] = "true"
    return response


async def _failed(request: Request, error: Exception) -> Response:
    assert isinstance(error, YarnhubError)
    status = status_of(error)
    if status >= http.HTTPStatus.INTERNAL_SERVER_ERROR:
        _log.warning("%s %s: %s", request.method, request.url.path, error)
    return _error(request, status, in_public(error))


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    name = ".".join(map(str, first["loc"][1:]))
    return _error(request, 422, f"The address of the page is invalid: {name}: {first['msg']}")


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    detail = "" if error.detail == http.HTTPStatus(error.status_code).phrase else error.detail
    response = _error(request, error.status_code, detail)
    response.headers.update(error.headers or {})
    return response


async def _broken(request: Request, error: Exception) -> Response:
    _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return _error(request, 500, "The service has a fault: its log has the details.")


def _error(request: Request, status: int, detail: str) -> HTMLResponse:
    title = http.HTTPStatus(status).phrase
    service: Service = request.app.state.service
    response = page("error.html", service, None, title=title, detail=detail)
    response.status_code = status
    return response
