"""Waits for a key of an application's key-value store."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from skein.cli.clients import CURRENT, application_id, cluster, current
from skein.cli.waiting import NOTICE_DELAY, POLL_INTERVAL, Notices, started
from yarnhub.base.errors import (
    ConnectError,
    ConnectionLostError,
    ControlError,
    DeadlineExceededError,
    FailureCode,
)
from yarnhub.client.errors import ApplicationFailedError

if TYPE_CHECKING:
    from yarnhub.client.application.client import ApplicationClient

_UNREACHABLE_TIMEOUT = 60.0
"""Seconds without a response after the first one: YARN may take as long to start another
ApplicationMaster, or a ResourceManager to restart."""


async def wait_for_key(name: str, key: str) -> bytes:
    """Wait until a key is set; returns its value.

    Survives a restart of the ResourceManager and of the ApplicationMaster.

    Raises:
        ApplicationNotRunningError: The application has ended before, with the reason.
        YarnhubError: The first request failed, or there was no response for a minute.
    """
    if name == CURRENT:
        async with current() as application_client:
            return (await application_client.keys.wait(key)).value
    app_id, notices = application_id(name), Notices()
    responded: bool = False
    failing_since: float | None = None
    async with cluster() as client:
        while True:
            try:
                await started(client, app_id, notices, deadline=None, purpose=_before(key))
                responded = True
                async with await client.connect(app_id, wait=False) as application_client:
                    while (value := await _wait_a_while(application_client, key, notices)) is None:
                        failing_since = None
                    return value
            except ApplicationFailedError:
                continue  # it has just ended: `started` raises with the reason
            except (ConnectError, ConnectionLostError, DeadlineExceededError) as error:
                notices.waiting(f"cannot connect to {app_id}; retrying: {error}")
                failing_since = failing_since or notices.waited
                if not responded or notices.waited - failing_since > _UNREACHABLE_TIMEOUT:
                    raise
            except ControlError as error:
                if error.code is not FailureCode.ENDED:
                    raise
            await asyncio.sleep(POLL_INTERVAL)


def _before(key: str) -> str:
    return f" before {key!r} was set"


async def _wait_a_while(
    application_client: ApplicationClient, key: str, notices: Notices
) -> bytes | None:
    """Wait `NOTICE_DELAY` for a key; None if it has not been set."""
    from yarnhub.control.messages import WaitKey

    entries = (await application_client.ask(WaitKey(key=key, timeout=NOTICE_DELAY))).entries
    if entries:
        return entries[0].value
    containers = await application_client.get_containers()
    states = [f"{each.id} is {each.state.value}" for each in containers[:4]]
    more = [f"{len(containers) - 4} more"] if len(containers) > 4 else []
    found = ", ".join(states + more) or "no container is active"
    notices.waiting(f"{application_client.id} is running, but {key!r} is not set yet; {found}")
    return None
