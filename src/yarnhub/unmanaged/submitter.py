"""The submission of applications whose ApplicationMasters run in this process."""

from __future__ import annotations

import asyncio
import contextlib
import math
from dataclasses import replace
from typing import TYPE_CHECKING

from yarnhub.base.errors import ConfigurationError, SpecError
from yarnhub.base.single_flight import SingleFlight
from yarnhub.client.access.credentials import Credentials
from yarnhub.client.submit.masters import UnmanagedMaster
from yarnhub.client.submit.submission import credentials
from yarnhub.hadoop.wire.tokens import AMRM_TOKEN
from yarnhub.unmanaged.application import UnmanagedApplication

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from yarnhub.appmaster.core.budgets import Budgets
    from yarnhub.client.access.settings import Settings
    from yarnhub.client.client import Client
    from yarnhub.client.files.staging import Progress
    from yarnhub.spec import ApplicationSpec
    from yarnhub.unmanaged.state_folder import StateFolder


class UnmanagedSubmitter:
    """Submits applications, each of which is stored in the folder before it is submitted.

    Args:
        settings: The cluster's configuration and this process's user.
        folder: The folder with the applications' state.
        budgets: The limits of each application.
        client: A client that acts for a user.
    """

    def __init__(
        self,
        settings: Settings,
        folder: StateFolder,
        budgets: Budgets,
        client: Callable[[str], Client],
    ) -> None:
        self._settings = settings
        self._folder = folder
        self._budgets = budgets
        self._client = client
        self._tag = SingleFlight(lambda: asyncio.to_thread(folder.made_tag), fresh=math.inf)

    @contextlib.asynccontextmanager
    async def submitted(
        self,
        spec: ApplicationSpec,
        progress: Progress | None,
        secrets: Mapping[str, bytes] | None,
    ) -> AsyncIterator[UnmanagedApplication]:
        """Submit an application, which the block begins to run; its state is stored by then.

        After an error, the submission is undone, unless the application has begun.
        """
        holders_pair = await asyncio.to_thread(_holders_pair, spec)
        # There is one attempt, which is taken over instead of repeated.
        spec = replace(spec, max_attempts=1, tags={*spec.tags, await self._tag.get()})
        client = self._client(spec.user)
        async with client.submitter.prepared(
            spec, holders_pair, UnmanagedMaster(), progress, secrets
        ) as submission:
            application_id = str(submission.application_id)
            kept = credentials(submission)
            application: UnmanagedApplication | None = None
            try:
                # Stored before the submission, for the next process.
                await asyncio.to_thread(self._folder.keep, application_id, kept)
                async with client.submitter.submitted(submission):
                    token = await client.submitter.am_rm_token(submission)
                    kept = replace(kept, tokens={**kept.tokens, AMRM_TOKEN: token})
                    # Stored before it is used: YARN does not return it after the registration.
                    await asyncio.to_thread(self._folder.keep, application_id, kept)
                    application = UnmanagedApplication(
                        kept, self._folder.journal(application_id), self._budgets
                    )
                    yield application
            except BaseException:
                # An application that has begun is cleaned up by its runner.
                if application is None or application.runner is None:
                    await asyncio.to_thread(self._folder.forget, application_id)
                raise

    def check(self, spec: ApplicationSpec) -> None:
        """Check whether an application can be unmanaged.

        Raises:
            SpecError: It has a script for the ApplicationMaster's container, which does not exist.
            ConfigurationError: YARN would not return its AMRMToken.
        """
        if spec.master.script:
            raise SpecError(
                "master.script",
                "an unmanaged application has no container for its ApplicationMaster: make the "
                "script a service, or submit the application to YARN (managed)",
            )
        # RMAppImpl.createAndGetApplicationReport (Hadoop 2.10 to 3.5) returns the token to a caller
        # whose name equals the application's user, and a login's name is the whole principal.
        settings = self._settings.acting_for(spec.user)
        if settings.by_principal:
            raise ConfigurationError(
                f"with Kerberos, YARN issues {settings.user_name} no token for an unmanaged "
                "application of the same user: submit it to YARN (managed), or act for another user"
            )


def _holders_pair(spec: ApplicationSpec) -> Credentials:
    """The pair from which the application's own is derived; discarded unless it was given."""
    chosen = spec.master.security
    return Credentials.generate() if chosen is None else Credentials.named_by(chosen)
