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
"""Stands for the application whose container the command runs in."""

START_TIMEOUT = 60.0
"""Seconds that a command waits for an application to start, unless it is told to wait."""


def run(work: Coroutine[Any, Any, None]) -> None:
    """Run a command's coroutine; Ctrl-C cancels it."""
    asyncio.run(work)


def application_id(text: str) -> ApplicationId:
    """Read the id that a command was given.

    Raises:
        SkeinError: It is none.
    """
    try:
        return ApplicationId.parse(text)
    except ValueError as error:
        raise SkeinError(str(error)) from error


def cluster(user: str = "") -> Client:
    """The cluster that the environment names; an async context manager.

    Args:
        user: Whom to act for; empty is the user who calls.
    """
    return Client(settings(user))


def settings(user: str = "") -> Settings:
    """Where the cluster is that the environment names, and who the user is.

    Args:
        user: Whom to act for; empty is the user who calls.
    """
    return environment.settings().acting_for(user)


@contextlib.asynccontextmanager
async def application(name: str) -> AsyncIterator[ApplicationClient]:
    """Reach an application by its id or as `current`; waits a while for it to start.

    Raises:
        ApplicationNotRunningError: It has ended.
        TimeoutError: It still waits for the cluster.
    """
    if name == CURRENT:
        async with current() as reached:
            yield reached
        return
    from yarnhub.client.applications import as_owner

    number = application_id(name)
    async with (
        cluster() as caller,
        as_owner(caller, number) as (client, _),
        await connect(client, number, Notices()) as reached,
    ):
        yield reached


async def connect(client: Client, number: ApplicationId, notices: Notices) -> ApplicationClient:
    """As `application`, with a connection to the cluster that is there."""
    await started(client, number, notices, deadline=START_TIMEOUT, purpose="")
    return await client.connect(number, wait=False)


@contextlib.asynccontextmanager
async def current() -> AsyncIterator[ApplicationClient]:
    """The application whose container this process runs in; needs no Hadoop configuration.

    Raises:
        SkeinError: This is no container.
    """
    container = environment.current_container()
    if container is None:
        raise SkeinError(
            "'current' means the application whose container a command runs in, and this is no "
            "container: give the application's id"
        )
    async with container.application() as reached:
        yield reached
