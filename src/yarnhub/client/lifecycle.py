"""Ending and moving applications, as their owners if the caller may act for them."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from yarnhub.base.errors import AccessDeniedError, QueueAccessDeniedError, RemoteError
from yarnhub.client.applications import as_owner, find_application
from yarnhub.client.errors import QueueRefusedError
from yarnhub.control.messages import FinalStatus

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from yarnhub.client.application.client import ApplicationClient
    from yarnhub.client.client import Client
    from yarnhub.yarn.records.ids import ApplicationId

_MAY_NOT_ACT = ".AuthorizationException"
"""The message for a user who may not act for another. Source: ProxyUsers.authorize (Hadoop 3.4)."""


async def shut_down(
    client: Client,
    application: ApplicationClient,
    number: ApplicationId,
    status: FinalStatus = FinalStatus.SUCCEEDED,
    diagnostics: str = "",
    *,
    deadline: float = 60.0,
) -> None:
    """Shut an application down; returns when it has ended and its uploads are deleted.

    If cancelled, the application still ends.

    Args:
        client: The cluster, as a user who may view the application.
        application: The running application.
        number: Its id.
        status: Its final status.
        diagnostics: Its diagnostics in YARN.
        deadline: Seconds to end after its ApplicationMaster has accepted the request.

    Raises:
        DeadlineExceededError: It has not ended in time.
    """
    await application.shutdown(status, diagnostics)
    await client.wait(number, deadline=deadline)
    await client.clean_up(number)


async def kill(client: Client, number: ApplicationId, *, deadline: float = 60.0) -> None:
    """Kill an application; returns when it has ended and its uploads are deleted.

    If cancelled, the application may still end.

    Raises:
        ApplicationNotFoundError: YARN has no application with this id.
        ApplicationTypeError: It was not submitted by yarnhub.
        AccessDeniedError: The caller is not allowed to, and may not act for its owner.
    """
    await find_application(client, number)
    await _as_permitted_user(client, number, lambda asked: asked.kill(number, deadline=deadline))


async def move(client: Client, number: ApplicationId, queue: str) -> None:
    """Move an application to another queue.

    Raises:
        ApplicationNotFoundError: YARN has no application with this id.
        QueueRefusedError: The queue does not exist, or does not accept the application.
        AccessDeniedError: The caller is not allowed to, and may not act for its owner.
    """
    with _refused_queues():
        await _as_permitted_user(
            client,
            number,
            lambda asked: asked.resource_manager.move_application_across_queues(number, queue),
        )


async def move_as_caller(client: Client, number: ApplicationId, queue: str) -> None:
    """The same, but never as its owner: for services, which may act for all users.

    If cancelled, YARN may still move it.
    """
    with _refused_queues():
        await client.resource_manager.move_application_across_queues(number, queue)


@contextlib.contextmanager
def _refused_queues() -> Iterator[None]:
    """Tell refusals of a queue from refusals of the caller."""
    try:
        yield
    except RemoteError as error:
        # The other reasons, such as a queue that is not a leaf, have no Java class of their own.
        if isinstance(error, QueueAccessDeniedError) or type(error) is RemoteError:
            raise QueueRefusedError(str(error)) from error
        raise


async def _as_permitted_user(
    client: Client, number: ApplicationId, function: Callable[[Client], Awaitable[object]]
) -> None:
    """Change an application; if the caller is not allowed to, as its owner."""
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
                    raise  # the owner is not allowed to, either
