"""Ending applications and moving them, as their owners where the caller may act for these."""

from __future__ import annotations

from typing import TYPE_CHECKING

from yarnhub.base.errors import AccessDeniedError, RemoteError
from yarnhub.client.applications import as_owner, find_application
from yarnhub.client.errors import QueueRefusedError
from yarnhub.control.messages import FinalStatus

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from yarnhub.client.application.client import ApplicationClient
    from yarnhub.client.client import Client
    from yarnhub.yarn.records.ids import ApplicationId

_MAY_NOT_ACT = ".AuthorizationException"
"""Of a user who may not act for another. Source: ProxyUsers.authorize (Hadoop 3.4)."""


async def shut_down(
    client: Client,
    application: ApplicationClient,
    number: ApplicationId,
    status: FinalStatus = FinalStatus.SUCCEEDED,
    diagnostics: str = "",
    *,
    deadline: float = 60.0,
) -> None:
    """Have an application end; returns when it has ended and its uploads are deleted.

    Cancelling leaves an application that ends.

    Args:
        client: The cluster, as a user who may see the application.
        application: The application, which runs.
        number: Its id.
        status: How it is to have ended.
        diagnostics: What YARN is to report about it.
        deadline: Seconds that it may take to end once its ApplicationMaster has agreed to.

    Raises:
        DeadlineExceededError: It has not ended in time.
    """
    await application.shutdown(status, diagnostics)
    await client.wait(number, deadline=deadline)
    await client.clean_up(number)


async def kill(client: Client, number: ApplicationId, *, deadline: float = 60.0) -> None:
    """End an application at once; returns when it has ended and its uploads are deleted.

    Cancelling leaves an application that may end.

    Raises:
        ApplicationNotFoundError: YARN has none of this id.
        ApplicationTypeError: It was not submitted by yarnhub.
        AccessDeniedError: The caller may not, and may not act for its owner.
    """
    await find_application(client, number)
    await _as_permitted_user(client, number, lambda asked: asked.kill(number, deadline=deadline))


async def move(client: Client, number: ApplicationId, queue: str) -> None:
    """Move an application to another queue.

    Raises:
        ApplicationNotFoundError: YARN has none of this id.
        QueueRefusedError: There is no such queue, or it does not take the application.
        AccessDeniedError: The caller may not, and may not act for its owner.
    """
    try:
        await _as_permitted_user(
            client,
            number,
            lambda asked: asked.resource_manager.move_application_across_queues(number, queue),
        )
    except RemoteError as error:
        # A refusal that names the queue is the queue's; one of no class is not about rights.
        of_queue = isinstance(error, AccessDeniedError) and queue in error.message
        if of_queue or type(error) is RemoteError:
            raise QueueRefusedError(str(error)) from error
        raise


async def _as_permitted_user(
    client: Client, number: ApplicationId, function: Callable[[Client], Awaitable[object]]
) -> None:
    """Change an application: as its owner where the caller may not, but may act for them."""
    async with as_owner(client, number) as (asked, report):
        try:
            await function(asked)
        except AccessDeniedError as error:
            if report.user == asked.user_name:
                raise
            async with client.acting_for(report.user) as owner:
                try:
                    await function(owner)
                except AccessDeniedError as refused:
                    if refused.java_class.endswith(_MAY_NOT_ACT):
                        raise error from refused
                    raise  # the owner may not do it either
