"""The application that serves the pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import FastAPI

from yarnhub.server.platform.pages import (
    application_list,
    builds,
    cluster,
    environments,
    home,
    limits,
    login,
    logs,
    one_application,
    usage,
)
from yarnhub.server.platform.pages.rendering import STATIC, Files, add_handlers
from yarnhub.server.platform.pages.rows import Rows

if TYPE_CHECKING:
    from yarnhub.server.platform.service import Service


def application(service: Service) -> FastAPI:
    """The ASGI application of the pages; it is mounted below the service's prefix."""
    app = FastAPI(openapi_url=None, redirect_slashes=False)
    app.state.service = service
    app.state.rows = Rows(service)
    app.state.cluster = cluster.ShownCluster(service)
    add_handlers(app)
    app.mount("/static", Files(directory=STATIC))
    for each in (
        login,
        home,
        application_list,
        one_application,
        logs,
        builds,
        environments,
        cluster,
        usage,
        limits,
    ):
        app.include_router(each.router)
    return app
