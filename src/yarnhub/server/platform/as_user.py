"""What is requested from YARN as the user: an application, its reasons, its queue and its end."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from fastapi import HTTPException

from yarnhub.base.deadline import Deadline
from yarnhub.base.errors import AccessDeniedError, ApplicationNotFoundError, YarnhubError
from yarnhub.client.errors import QueueRefusedError
from yarnhub.client.lifecycle import move_as_caller
from yarnhub.server.audit import Event
from yarnhub.server.platform import documents
from yarnhub.yarn.queues.usable import submission_acls, usable_queues

if TYPE_CHECKING:
    from collections.abc import Iterator

    from yarnhub.client.client import Client
    from yarnhub.client.explain.explanation import Explanation
    from yarnhub.server.platform.service import Service
    from yarnhub.server.platform.viewers import Identity
    from yarnhub.yarn.records.applications import ApplicationReport
    from yarnhub.yarn.records.ids import ApplicationId

ASK = 30.0
"""Seconds for YARN to respond."""
END = 20.0
"""Seconds for an application that is killed to end."""
_SILENT = f"YARN does not respond within {ASK:g} s"
_POLL = 0.2
_UNKNOWN = "interrupted before the cluster responded: whether it was done is unknown"


async def show(
    service: Service, identity: Identity, number: ApplicationId
) -> tuple[ApplicationReport, Explanation]:
    """An application, and what it does or why it waits or has ended.

    Raises:
        HTTPException: YARN does not show it to the user.
        YarnhubError: It is not known.
    """
    with service.calls.take(identity.name):
        async with Deadline(ASK, _SILENT), service.client(identity.viewer.name) as client:
            report = await client.application_report(number)
            if documents.application(report).used is None:
                raise HTTPException(403, f"YARN does not show {number} of {report.user} to you")
            # Its ApplicationMaster accepts its submitter's key only, and is at any address.
            return report, await client.explain(number, ask_master=False)


@contextlib.contextmanager
def recorded(
    service: Service, identity: Identity, event: Event, *without: type[YarnhubError], **what: object
) -> Iterator[dict[str, Any]]:
    """Record what the block does as the user in the audit log, or that it is not allowed.

    The block gets the fields of the record, and can add others.

    Args:
        service: The service.
        identity: The user.
        event: What it does.
        without: Errors after which nothing was done, which are not recorded.
        what: What it is done to.
    """
    done = {"user": identity.viewer.name, **what}
    try:
        yield done
    except without:
        raise
    except (AccessDeniedError, QueueRefusedError) as error:
        service.audit.write(Event.REFUSE, identity.name, reason=str(error), **done)
        raise
    except YarnhubError as error:  # the cluster may have received it
        service.audit.write(event, identity.name, reason=str(error), **done)
        raise
    except asyncio.CancelledError:  # by a deadline around the block, too
        service.audit.write(event, identity.name, reason=_UNKNOWN, **done)
        raise
    service.audit.write(event, identity.name, **done)


async def kill(
    service: Service, identity: Identity, number: ApplicationId, event: Event = Event.KILL
) -> YarnhubError | None:
    """Kill an application, and wait for its end; cancelled, YARN may still kill it.

    It is recorded in the audit log as `event`, unless it has ended before.

    Returns:
        None if it has ended; why that is not known if YARN is going to kill it.

    Raises:
        AccessDeniedError: YARN does not let the user do it.
        YarnhubError: It is not known whether YARN is going to kill it.
    """
    with service.calls.take(identity.name):
        async with service.client(identity.viewer.name) as client:
            async with Deadline(ASK, _SILENT):
                report = await client.application_report(number)
                if report.yarn_application_state.ended:
                    return None
            with recorded(service, identity, event, application=str(number)):
                async with Deadline(ASK, _SILENT):
                    ended = await client.request_kill(number)
            return await _end(client, number, ended=ended)


async def queues(service: Service, identity: Identity) -> tuple[str, ...]:
    """The queues to which a user can submit now, by the names for it, in the scheduler's order.

    Raises:
        HTTPException: There are too many requests to YARN.
        YarnhubError: They are not known.
    """
    root = (await service.cluster.get()).root
    with service.calls.take(identity.name):
        async with Deadline(ASK, _SILENT), service.client(identity.viewer.name) as client:
            acls = await client.resource_manager.get_queue_user_acls()
    return tuple(usable_queues(root, submission_acls(acls)))


async def move(service: Service, identity: Identity, number: ApplicationId, queue: str) -> None:
    """Move an application to another queue; cancelled, YARN may still move it.

    It is recorded in the audit log.

    Raises:
        AccessDeniedError: YARN does not let the user do it.
        QueueRefusedError: The queue does not exist, or does not accept the application.
        YarnhubError: It is not known whether YARN has moved it.
    """
    done = {"application": str(number), "queue": queue}
    with service.calls.take(identity.name):
        async with service.client(identity.viewer.name) as client:
            with recorded(service, identity, Event.MOVE, ApplicationNotFoundError, **done):
                async with Deadline(ASK, _SILENT):
                    await move_as_caller(client, number, queue)


async def _end(client: Client, number: ApplicationId, *, ended: bool) -> YarnhubError | None:
    """Wait for the end of an application that YARN kills: it is reported only when asked for."""
    try:
        async with Deadline(END, f"{number} was killed, but has not ended in {END:g} s"):
            while not ended:
                await asyncio.sleep(_POLL)
                ended = await client.request_kill(number)
    except YarnhubError as error:
        return error
    return None
