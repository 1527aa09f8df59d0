"""Sends fresh delegation tokens to an application with a managed ApplicationMaster."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

from yarnhub.base.errors import (
    AccessDeniedError,
    ApplicationNotFoundError,
    ConfigurationError,
    DeadlineExceededError,
    YarnhubError,
)
from yarnhub.base.tasks import task_group
from yarnhub.client.client import Client
from yarnhub.client.tokens.keeper import TokenKeeper
from yarnhub.client.tokens.submission import file_systems_of
from yarnhub.spec import ApplicationSpec
from yarnhub.yarn.records.applications import YarnApplicationState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from yarnhub.client.access.credentials import Credentials
    from yarnhub.client.access.settings import Settings
    from yarnhub.client.tokens.keeper import KeptTokens
    from yarnhub.yarn.records.ids import ApplicationAttemptId, ApplicationId

_log = logging.getLogger(__name__)

_POLL_INTERVAL = 5.0
"""Seconds between two polls for the end of an application, or for a restarted AM."""


async def keep_all_tokens(
    settings: Settings,
    application_ids: Iterable[ApplicationId],
    credentials: Credentials | None = None,
) -> None:
    """Keep the tokens of some applications fresh until all of them have ended.

    Args:
        settings: The cluster and the login: see `TokenKeeper`.
        application_ids: The applications' ids.
        credentials: The credentials that they were submitted with; None uses the user's own.

    Raises:
        ConfigurationError: Security is disabled, so the cluster has no tokens.
        YarnhubError: See `keep_tokens`.
    """
    if not settings.secure:
        raise ConfigurationError("security is disabled in this cluster: it has no tokens to renew")
    async with (
        Client(settings, credentials) as client,
        TokenKeeper(settings) as keeper,
        task_group() as group,
    ):
        for number in application_ids:
            group.create_task(keep_tokens(client, keeper, number), name=f"tokens of {number}")


async def keep_tokens(client: Client, keeper: TokenKeeper, application_id: ApplicationId) -> None:
    """Keep the tokens of an application fresh until it has ended.

    A restarted ApplicationMaster gets them again. Requests that fail are logged and retried; if
    cancelled, the application keeps the tokens it has.

    Args:
        client: The cluster, with the credentials that the application was submitted with.
        keeper: The keeper, whose login may act for the application's user.
        application_id: The applications' ids.

    Raises:
        AccessDeniedError: The login may not act for the user, or the credentials are wrong.
        ApplicationFailedError: It has already ended.
    """
    report = await client.application_report(application_id)
    async with client.acting_for(report.user) as owner:
        file_systems = await _file_systems(owner, application_id)
        async with keeper.kept(report.user, file_systems) as kept:
            await _deliver(owner, application_id, kept)


async def _file_systems(client: Client, application_id: ApplicationId) -> tuple[str, ...]:
    """The file systems that the application names, as soon as it runs."""
    while True:
        try:
            async with await client.connect(application_id) as application:
                document = await application.get_specification()
        except DeadlineExceededError as error:
            _log.info("%s", error)
        else:
            return file_systems_of(ApplicationSpec.from_json(document))


async def _deliver(client: Client, application_id: ApplicationId, kept: KeptTokens) -> None:
    delivered: tuple[ApplicationAttemptId | None, int] | None = None
    while True:
        try:
            report = await client.application_report(application_id)
            if report.yarn_application_state.ended:
                kept.ended = True
                return
            due = report.current_application_attempt_id, kept.number
            if report.yarn_application_state is YarnApplicationState.RUNNING and due != delivered:
                async with await client.connect(application_id, wait=False) as application:
                    await application.update_tokens(kept.content)
                delivered = due
                _log.info("%s has fresh tokens", application_id)
        except ApplicationNotFoundError:
            kept.ended = True  # the ResourceManager forgets applications some time after their end
            return
        except AccessDeniedError:
            raise
        except YarnhubError as error:
            _log.warning("could not send fresh tokens to %s, retrying: %s", application_id, error)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_POLL_INTERVAL):
                await kept.newer(delivered[1] if delivered else kept.number)
