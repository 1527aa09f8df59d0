"""Logging in: a browser is sent to the hub, and comes back with a code for a token."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated
from urllib.parse import parse_qs, quote

from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response
from fastapi.responses import RedirectResponse

from yarnhub.server.hub.oauth import LOGGED_IN, LOGIN
from yarnhub.server.platform.bodies import read_body
from yarnhub.server.platform.service import ServiceOf  # noqa: TC001  # FastAPI reads it

if TYPE_CHECKING:
    from yarnhub.server.platform.browser_sessions import Session
    from yarnhub.server.platform.service import Service
    from yarnhub.server.platform.viewers import Identity

router = APIRouter()

COOKIE = "yarnhub-platform"
_PROOF = "X-Page-Token"
"""The header with which our scripts prove that they are ours."""
_MAX_FORM, _MAX_LONG_FORM = 8192, 1 << 18
"""Bytes of a form, and of one with the packages of an environment."""
_CODE = Query(min_length=1, max_length=1000)
_STATE_TEXT = Query(pattern=r"^[0-9]{1,6}\.[A-Za-z0-9_-]{22}$")


class NotLoggedInError(Exception):
    """Nobody whom the service knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """The user of a browser.

    Attributes:
        identity: Who it is.
        session: The browser.
    """

    identity: Identity
    session: Session


async def visitor_of(request: Request, service: ServiceOf) -> Visitor:
    """The user of a browser.

    Raises:
        NotLoggedInError: It is not logged in, or the hub has revoked its login.
        HTTPException: A script of another page has sent the request.
    """
    session = service.sessions.get(request.cookies.get(COOKIE, ""))
    identity = await service.viewers.of(f"Bearer {session.token}") if session else None
    if session is None or identity is None:
        raise NotLoggedInError
    if not _is_from_own_page(request, session):
        raise HTTPException(403, "Requests of scripts of other pages are refused.")
    return Visitor(identity=identity, session=session)


VisitorOf = Annotated[Visitor, Depends(visitor_of)]


async def read_form(request: Request, visitor: VisitorOf) -> dict[str, str]:
    """The fields of a form that one of our own pages has sent.

    Raises:
        HTTPException: It is too large, or from another page.
    """
    return await _fields(request, visitor, _MAX_FORM)


async def read_long_form(request: Request, visitor: VisitorOf) -> dict[str, str]:
    """The same of a form with long texts."""
    return await _fields(request, visitor, _MAX_LONG_FORM)


async def _fields(request: Request, visitor: Visitor, most: int) -> dict[str, str]:
    body = await read_body(request, most, "A form")
    try:
        found = parse_qs(body.decode(), keep_blank_values=True, max_num_fields=50)
    except ValueError as error:
        raise HTTPException(400, "The form cannot be read.") from error
    fields = {name: values[-1] for name, values in found.items()}
    given = fields.pop("form_token", "")
    if not secrets.compare_digest(given.encode(), visitor.session.form_token.encode()):
        raise HTTPException(403, "This form is too old. Go back, reload the page and try again.")
    return fields


FormOf = Annotated[dict[str, str], Depends(read_form)]
LongFormOf = Annotated[dict[str, str], Depends(read_long_form)]


def log_in(request: Request, service: Service) -> Response:
    """Send a browser to the hub; it comes back to the page that it has requested."""
    query = f"?{request.url.query}" if request.url.query else ""
    begun = service.oauth.begin(quote(request.url.path) + query, request.cookies)
    options = service.oauth.cookie_options(request.headers)
    response = RedirectResponse(begun.url, 302)
    response.set_cookie(begun.cookie, begun.value, max_age=LOGIN, **options)
    response.headers["Cache-Control"] = "no-store"
    return response


@router.get("/oauth_callback")
async def finish_login(
    request: Request,
    service: ServiceOf,
    code: Annotated[str, _CODE],
    state: Annotated[str, _STATE_TEXT],
) -> Response:
    """Finish a login with the code of the hub."""
    login = await service.oauth.finish(code, state, request.cookies)
    identity = await service.viewers.of(f"Bearer {login.token}")
    if identity is None:
        raise HTTPException(403, "Your account at JupyterHub may not access this service.")
    session = service.sessions.open(identity.name, login.token)
    options = service.oauth.cookie_options(request.headers)
    response = RedirectResponse(login.page, 303)
    response.delete_cookie(login.cookie, **options)
    response.set_cookie(COOKIE, session.id, max_age=LOGGED_IN, **options)
    response.headers["Cache-Control"] = "no-store"
    return response


@router.post("/logout")
async def log_out(
    request: Request, service: ServiceOf, visitor: VisitorOf, _form: FormOf
) -> Response:
    """Log a browser out, here and then at the hub."""
    service.sessions.close(visitor.session.id)
    response = RedirectResponse(f"{service.oauth.hub_url}logout", 303)
    response.delete_cookie(COOKIE, **service.oauth.cookie_options(request.headers))
    return response


def _is_from_own_page(request: Request, session: Session) -> bool:
    """Whether a browser opens a page, or a script of one of ours has sent the request.

    Notebook servers of users have pages of the same site, unless the hub has a domain for each: a
    script in one of them could read a page with the reader's cookie, and send its forms.
    """
    if request.headers.get("Sec-Fetch-Mode", "navigate") == "navigate":
        return request.headers.get("Sec-Fetch-Dest", "document") == "document"
    given = request.headers.get(_PROOF, "")
    return secrets.compare_digest(given.encode(), session.form_token.encode())
