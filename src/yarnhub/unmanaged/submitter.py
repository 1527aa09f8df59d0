"""What it takes to submit an application whose ApplicationMaster runs in this process."""

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
    """Submits applications, and keeps each in the folder before YARN knows of it.

    Args:
        settings: Where the cluster is and who this process is.
        folder: Where applications are kept.
        budgets: What each may ask for.
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
        """Submit an application that is to begin in the block; all that it takes is kept by then.

        An error takes it back, unless it has begun.
        """
        holders_pair = await asyncio.to_thread(_holders_pair, spec)
        # The only attempt is taken over instead of repeated.
        spec = replace(spec, max_attempts=1, tags={*spec.tags, await self._tag.get()})
        client = self._client(spec.user)
        async with client.submitter.prepared(
            spec, holders_pair, UnmanagedMaster(), progress, secrets
        ) as submission:
            application_id = str(submission.application_id)
            kept = credentials(submission)
            application: UnmanagedApplication | None = None
            try:
                # Before it is submitted: whoever comes after us must know of it.
                await asyncio.to_thread(self._folder.keep, application_id, kept)
                async with client.submitter.submitted(submission):
                    token = await client.submitter.am_rm_token(submission)
                    kept = replace(kept, tokens={**kept.tokens, AMRM_TOKEN: token})
                    # Before it is used: YARN gives it to nobody who has registered.
                    await asyncio.to_thread(self._folder.keep, application_id, kept)
                    application = UnmanagedApplication(
                        kept, self._folder.journal(application_id), self._budgets
                    )
                    yield application
            except BaseException:
                # What has begun is recorded until its end, and forgotten by what runs it.
                if application is None or application.runner is None:
                    await asyncio.to_thread(self._folder.forget, application_id)
                raise

    def check(self, spec: ApplicationSpec) -> None:
        """See whether an application can be unmanaged.

        Raises:
            SpecError: There is a script for an ApplicationMaster's container: there is none.
            ConfigurationError: YARN would never give its AMRMToken.
        """
        if spec.master.script:
            raise SpecError(
                "master.script",
                "an unmanaged application has no container for its ApplicationMaster, in which "
                "this would run: make it a service, or submit the application to YARN (managed)",
            )
        # RMAppImpl.createAndGetApplicationReport (Hadoop 2.10 to 3.5) gives the token to a caller
        # whose name is equal to that of the application's user, and a login's name is the whole
        # principal.
        settings = self._settings.acting_for(spec.user)
        if settings.by_principal:
            raise ConfigurationError(
                f"with Kerberos YARN gives {settings.user_name} no token for an unmanaged "
                "application of one's own: submit it to YARN (managed), or act for another user"
            )


def _holders_pair(spec: ApplicationSpec) -> Credentials:
    """What the application's pair is derived from: nobody holds it unless it is named."""
    chosen = spec.master.security
    return Credentials.generate() if chosen is None else Credentials.named_by(chosen)
