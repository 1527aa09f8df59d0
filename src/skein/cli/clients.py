"""The clients with which commands connect to the cluster and its applications."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from skein import environment
from skein.cli.waiting import Notices, started
from skein.exceptions import SkeinError
from yarnhub.client.client import Client
from yarnhub.yarn.records.ids import ApplicationId

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine
    from typing import Any

    from yarnhub.client.access.settings import Settings
    from yarnhub.client.application.client import ApplicationClient

CURRENT = "current"
"""The name of the application whose container runs the command."""

START_TIMEOUT = 60.0
"""Seconds that a command waits for an application to start, without an option to wait."""


def run(work: Coroutine[Any, Any, None]) -> None:
    """Run a command's coroutine; Ctrl-C cancels it."""
    asyncio.run(work)


def application_id(text: str) -> ApplicationId:
    """Parse an application's id.

    Raises:
        SkeinError: It is not an id.
    """
    try:
        return ApplicationId.parse(text)
    except ValueError as error:
        raise SkeinError(str(error)) from error


def cluster(user: str = "") -> Client:
    """A client for the cluster in the environment; an async context manager.

    Args:
        user: The user to act for; empty for the caller.
    """
    return Client(settings(user))


def settings(user: str = "") -> Settings:
    """The settings of the cluster in the environment, with the user.

    Args:
        user: The user to act for; empty for the caller.
    """
    return environment.settings().acting_for(user)


@contextlib.asynccontextmanager
async def application(name: str) -> AsyncIterator[ApplicationClient]:
    """Connect to an application by its id or as `current`; waits until it has started.

    Raises:
        ApplicationNotRunningError: It has ended.
        TimeoutError: It has not started within `START_TIMEOUT`.
    """
    if name == CURRENT:
        async with current() as application_client:
            yield application_client
        return
    from yarnhub.client.applications import as_owner

    app_id = application_id(name)
    async with (
        cluster() as caller,
        as_owner(caller, app_id) as (client, _),
        await connect(client, app_id, Notices()) as application_client,
    ):
        yield application_client


async def connect(client: Client, app_id: ApplicationId, notices: Notices) -> ApplicationClient:
    """Connect to an application with an existing client of the cluster."""
    await started(client, app_id, notices, deadline=START_TIMEOUT, purpose="")
    return await client.connect(app_id, wait=False)


@contextlib.asynccontextmanager
async def current() -> AsyncIterator[ApplicationClient]:
    """The application whose container this process runs in; needs no Hadoop configuration.

    Raises:
        SkeinError: The process does not run in a container.
    """
    container = environment.current_container()
    if container is None:
        raise SkeinError(
            "'current' is the application whose container runs the command, and this is not a "
            "container: use the application's id"
        )
    async with container.application() as application_client:
        yield application_client
