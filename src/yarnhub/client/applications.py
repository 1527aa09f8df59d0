"""Finding applications, as their owners if the caller may act for them."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from yarnhub.base.errors import AccessDeniedError, ApplicationNotFoundError
from yarnhub.client.errors import ApplicationTypeError
from yarnhub.client.submit.submission import APPLICATION_TYPE
from yarnhub.yarn.queues.tree import is_same_queue
from yarnhub.yarn.records.resource_manager import GetApplicationsRequest

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import AsyncIterator

    from yarnhub.client.access.credentials import Credentials
    from yarnhub.client.application.client import ApplicationClient
    from yarnhub.client.client import Client
    from yarnhub.client.explain.explanation import Explanation
    from yarnhub.client.filters import ApplicationFilters
    from yarnhub.yarn.records.applications import ApplicationReport
    from yarnhub.yarn.records.ids import ApplicationId


async def find_applications(
    client: Client, filters: ApplicationFilters
) -> tuple[ApplicationReport, ...]:
    """The applications of our type that match a filter, by id."""
    if not filters.states:
        return ()  # without states, YARN returns all
    found = await client.applications(
        GetApplicationsRequest(
            application_states=filters.states,
            users=(filters.user,) if filters.user else (),
            name=filters.name or None,
            start_begin=_milliseconds(filters.started_begin),
            start_end=_milliseconds(filters.started_end),
            finish_begin=_milliseconds(filters.finished_begin),
            finish_end=_milliseconds(filters.finished_end),
        )
    )
    return tuple(report for report in found if _passes(report, filters))


def _milliseconds(when: dt.datetime | None) -> int | None:
    return None if when is None else int(when.timestamp() * 1000)


def _passes(report: ApplicationReport, filters: ApplicationFilters) -> bool:
    # Not all versions of YARN support these filters: the result is filtered again.
    finishes = filters.finished_begin is not None or filters.finished_end is not None
    return (
        (not filters.queue or is_same_queue(report.queue, filters.queue))
        and (not filters.name or report.name == filters.name)
        and (report.finish_time > 0 or not finishes)
    )


async def find_application(client: Client, number: ApplicationId) -> ApplicationReport:
    """One application, as its owner if the caller may act for that user.

    Raises:
        ApplicationNotFoundError: YARN has no application with this id.
        ApplicationTypeError: It was not submitted by yarnhub.
    """
    async with as_owner(client, number) as (_, report):
        check_type(report)
        return report


def check_type(report: ApplicationReport) -> None:
    """Refuse an application that was not submitted by yarnhub.

    Raises:
        ApplicationTypeError: It has another type.
    """
    if report.application_type != APPLICATION_TYPE:
        raise ApplicationTypeError(
            f"{report.application_id} is not a {APPLICATION_TYPE} application: its type is "
            f"{report.application_type}"
        )


@contextlib.asynccontextmanager
async def as_owner(
    client: Client, number: ApplicationId
) -> AsyncIterator[tuple[Client, ApplicationReport]]:
    """An application's report, and the client for further requests about it.

    With `yarn.acl.enable` YARN shows only the state of another user's application: it is then
    queried again as the owner, if the cluster allows the caller to act for that user.

    Raises:
        ApplicationNotFoundError: YARN has no application with this id.
    """
    report = await client.application_report(number)
    if report.rpc_port > 0 or report.user == client.user_name:
        yield client, report
        return
    async with client.acting_for(report.user) as owner:
        asked = client
        with contextlib.suppress(AccessDeniedError):
            report = await owner.application_report(number)
            asked = owner
        yield asked, report


async def connect(
    client: Client,
    number: ApplicationId,
    credentials: Credentials | None = None,
    *,
    wait: bool = True,
    deadline: float | None = None,
) -> ApplicationClient:
    """Connect to an application, like `as_owner`; see `Client.connect`.

    Waits without a limit by default.
    """
    async with as_owner(client, number) as (asked, _):
        return await asked.connect(number, wait=wait, deadline=deadline, credentials=credentials)


async def explain(client: Client, number: ApplicationId) -> Explanation:
    """Why an application waits, or how it ended, like `as_owner`; see `Client.explain`."""
    async with as_owner(client, number) as (asked, _):
        return await asked.explain(number)


@contextlib.asynccontextmanager
async def log_reader(client: Client, number: ApplicationId) -> AsyncIterator[Client]:
    """The client that reads an application's logs: the owner's, like `as_owner`.

    An application that the ResourceManager has forgotten may still have logs.

    Raises:
        ApplicationTypeError: It was not submitted by yarnhub.
    """
    async with contextlib.AsyncExitStack() as stack:
        found = client
        with contextlib.suppress(ApplicationNotFoundError):
            found, report = await stack.enter_async_context(as_owner(client, number))
            check_type(report)
        yield found
