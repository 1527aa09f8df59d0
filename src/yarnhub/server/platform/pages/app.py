"""The application that serves the pages."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from fastapi import FastAPI
from fastapi.responses import RedirectResponse

from yarnhub.server.platform.pages import (
    application_list,
    cluster,
    login,
    logs,
    one_application,
    usage,
)
from yarnhub.server.platform.pages.login import VisitorOf  # noqa: TC001  # FastAPI reads it
from yarnhub.server.platform.pages.rendering import STATIC, Files, add_handlers
from yarnhub.server.platform.pages.rows import Rows
from yarnhub.server.platform.service import ServiceOf  # noqa: TC001  # FastAPI reads it

if TYPE_CHECKING:
    from yarnhub.server.platform.service import Service


def application(service: Service) -> FastAPI:
    """The ASGI application of the pages; it is mounted below the service's prefix."""
    app = FastAPI(openapi_url=None, redirect_slashes=False)
    app.state.service = service
    app.state.rows = Rows(service)
    add_handlers(app)
    app.mount("/static", Files(directory=STATIC))
    app.add_api_route("/", _home, include_in_schema=False)
    for each in (login, application_list, one_application, logs, cluster, usage):
        app.include_router(each.router)
    return app


async def _home(service: ServiceOf, visitor: VisitorOf) -> RedirectResponse:
    mine = urlencode({"user": visitor.identity.viewer.name})
    return RedirectResponse(f"{service.prefix}/applications?{mine}", 302)
