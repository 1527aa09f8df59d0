"""Builds on the cluster: each one is an application of its user, which outlives who started it."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from yarnhub.base.errors import AccessDeniedError, YarnhubError
from yarnhub.client import lifecycle
from yarnhub.client.explain.words import sentences, summary
from yarnhub.client.files.artifacts import Artifact
from yarnhub.client.files.file_systems import user_file_system
from yarnhub.client.logs.selection import LogSelection
from yarnhub.client.submit.runtime_archive import runtime_archives
from yarnhub.control.messages import FinalStatus
from yarnhub.environments.cluster_build import report as build_report
from yarnhub.environments.cluster_build.application import (
    BUILDER,
    LOG,
    SERVICE,
    TAG,
    BuildOptions,
    build_application,
    name_tag,
)
from yarnhub.environments.cluster_build.builder_archive import SUFFIX, cached_archive
from yarnhub.environments.cluster_build.report import BuildProgress, BuildState
from yarnhub.environments.cluster_build.request import FILE, BuildRequest, file_system_properties
from yarnhub.environments.cluster_build.site_transfer import packed_site
from yarnhub.environments.errors import BuildRunningError, EnvironmentNotFoundError
from yarnhub.environments.local_build.cache import prepare_cache
from yarnhub.environments.local_build.copied_python import INTERPRETERS
from yarnhub.environments.published.user_store import configured_root, user_store
from yarnhub.environments.threads import in_thread
from yarnhub.spec import File
from yarnhub.yarn.records.applications import YarnApplicationState
from yarnhub.yarn.records.resource_manager import ApplicationsRequestScope, GetApplicationsRequest

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable

    from yarnhub.client.access.settings import Settings
    from yarnhub.client.application.client import ApplicationClient
    from yarnhub.client.client import Client
    from yarnhub.client.logs.aggregated import LogChunk
    from yarnhub.environments.local_build.site import BuildSite
    from yarnhub.environments.specification import EnvironmentSpec
    from yarnhub.yarn.records.applications import ApplicationReport
    from yarnhub.yarn.records.ids import ApplicationId

_BUILDERS = "yarnhub-builders"
"""The folder of builder archives in the cache."""
_POLL = 0.5
"""Seconds between two looks at a build: its container reports as often."""
_LATE_LOOKS, _LATE_LOOK = 6, 1.0
"""Looks for what a build that was killed has published, and the seconds between two: nodes have a
heartbeat each second, and kill a container after 250 ms."""
_EXPLAIN = 5.0
"""Seconds between two explanations of a build that waits."""
_SHOWN_UPLOAD = 8 << 20
"""Bytes between two notices of an upload."""
_SHUTDOWN = 60.0
"""Seconds for an orderly end, before YARN kills it."""


@dataclass(frozen=True, slots=True)
class BuildHandle:
    """A build that YARN has accepted.

    Attributes:
        application_id: Its application.
        name: The environment's name.
    """

    application_id: ApplicationId
    name: str


class BuildSessions:
    """The builds of one user on the cluster.

    Every method raises the errors of `Client`.

    Args:
        client: The cluster, as the user.
        settings: Its settings.
        root: The folder in which environments are published; empty for the site's.
    """

    def __init__(self, client: Client, settings: Settings, root: str = "") -> None:
        self._client = client
        self._settings = settings
        self._root = (root or configured_root(settings.configuration)).rstrip("/")

    async def start(
        self,
        specification: EnvironmentSpec,
        site: BuildSite,
        options: BuildOptions | None = None,
        notice: Callable[[str], None] = lambda _: None,
    ) -> BuildHandle:
        """Submit a build; returns when YARN has accepted it. It continues without this process.

        If cancelled or failed, the application is killed, and no files of it remain; the builder's
        archive may remain in the user's home, where the next build finds it.

        Args:
            specification: The environment.
            site: Indexes, certificates and limits; its files are read here, and folders of wheels
                on the node.
            options: What the build requests from YARN.
            notice: Called with what is done before the submission.

        Raises:
            BuildRunningError: A build of this environment has not ended.
            BuildError: The interpreter of this process cannot be copied.
            ConfigurationError: A file of the site cannot be read, or other users can change the
                cache or the folder of builders.
        """
        options = options or BuildOptions()
        name = specification.name
        if (running := await self._newest(name)) is not None and not _ended(running):
            raise BuildRunningError(name, str(running.application_id))
        # A container sees all processors of its node, and has the memory for few of them.
        limited = replace(site, processes=site.processes or options.resources.vcores)
        travelling = await asyncio.to_thread(packed_site, limited)
        builder = await self._builder(site, notice)
        request = BuildRequest(
            specification=specification,
            root=self._root,
            user=self._settings.user_name,
            hadoop=file_system_properties(self._settings.configuration),
        )
        with tempfile.TemporaryDirectory(prefix="yarnhub-build-") as folder:
            file = Path(folder, FILE)
            await asyncio.to_thread(file.write_bytes, request.dump())
            own = {BUILDER: builder, FILE: File(source=str(file))}
            files = {key: File(source=str(path)) for key, path in travelling.files.items()}
            spec = build_application(name, self._root, options, {**files, **own})
            number = await self._client.submit(spec, secrets=travelling.secrets)
        return BuildHandle(number, name)

    async def find(self, name: str) -> BuildHandle | None:
        """The newest build of an environment of this user, if YARN has one; else None.

        Args:
            name: The environment's name.
        """
        report = await self._newest(name)
        return None if report is None else BuildHandle(report.application_id, name)

    async def follow(self, build: BuildHandle) -> AsyncIterator[BuildProgress]:
        """What a build does, until it has ended; the last one has `state.ended`.

        Cancelling leaves the build running. Any number of processes can follow it.

        Raises:
            ApplicationNotFoundError: YARN knows it no more.
        """
        last: BuildProgress | None = None
        async with contextlib.aclosing(self._observed(build)) as observed:
            async for each in observed:
                if each != last:
                    yield each
                last = each

    async def cancel(self, build: BuildHandle) -> bool:
        """End a build; returns whether it was running. What it has published by then remains.

        It deletes what it has uploaded; if it does not respond, YARN kills it. If cancelled, the
        build may still end.
        """
        number = build.application_id
        if _ended(await self._client.application_report(number)):
            return False
        words = f"Canceled by {self._client.user_name}."
        try:
            async with await self._client.connect(number, wait=False, deadline=_SHUTDOWN) as one:
                killed = FinalStatus.KILLED
                await lifecycle.shut_down(
                    self._client, one, number, killed, words, deadline=_SHUTDOWN
                )
        except YarnhubError:  # it has no ApplicationMaster, or a hanging one
            await lifecycle.kill(self._client, number)
        return True

    async def logs(
        self,
        build: BuildHandle,
        *,
        follow: bool = False,
        notice: Callable[[str], None] = lambda _: None,
    ) -> AsyncGenerator[LogChunk, None]:
        """The log of a build: see `Client.logs`.

        Args:
            build: The build.
            follow: Whether to continue until it has ended.
            notice: Called with what is waited for, and with what cannot be read.
        """
        selection = LogSelection(containers=frozenset({f"{SERVICE}_0"}), files=frozenset({LOG}))
        found = self._client.logs(build.application_id, selection, follow=follow, notice=notice)
        async with contextlib.aclosing(found) as chunks:
            async for chunk in chunks:
                yield chunk

    # --- submission

    async def _builder(self, site: BuildSite, notice: Callable[[str], None]) -> File:
        cache = Path(site.cache or self._settings.cache_folder / "environments")
        await asyncio.to_thread(prepare_cache, cache)
        packing = functools.partial(cached_archive, cache / _BUILDERS, cache / INTERPRETERS)
        archive = await in_thread(packing)
        artifact = Artifact(archive, archive.name.removesuffix(SUFFIX), SUFFIX)

        shown = 0

        def uploading(_path: Path, sent: int, size: int) -> None:
            nonlocal shown
            if sent - shown >= _SHOWN_UPLOAD:
                shown = sent
                notice(f"uploading the builder: {sent >> 20} of {size >> 20} MiB")

        # In the user's own home: a builder that others can write would run their code.
        async with user_file_system(self._settings) as file_system:
            return await (await runtime_archives(file_system)).publish(artifact, uploading)

    async def _newest(self, name: str) -> ApplicationReport | None:
        found = await self._client.applications(
            GetApplicationsRequest(
                scope=ApplicationsRequestScope.ALL,
                users=(self._client.user_name,),
                application_tags=(name_tag(name),),
            )
        )
        # Others may have copied one of the tags.
        mine = [each for each in found if TAG in each.application_tags]
        return max(mine, key=lambda each: (not _ended(each), each.start_time), default=None)

    # --- following

    async def _observed(self, build: BuildHandle) -> AsyncGenerator[BuildProgress, None]:
        waiting = _Waiting(self._client, build)
        while True:
            report = await self._client.application_report(build.application_id)
            if _ended(report):
                yield await self._end(build, report)
                return
            try:
                if report.yarn_application_state is not YarnApplicationState.RUNNING:
                    yield await waiting.look()
                else:
                    connecting = self._client.connect(build.application_id, wait=False)
                    async with await connecting as application:
                        async for each in self._running(application, waiting):
                            yield each
            except AccessDeniedError as error:
                yield BuildProgress(BuildState.RUNNING, reason=str(error))
            except YarnhubError:
                pass  # its ApplicationMaster starts, or ends: the next report shows it
            await asyncio.sleep(_POLL)

    async def _running(
        self, application: ApplicationClient, waiting: _Waiting
    ) -> AsyncGenerator[BuildProgress, None]:
        while True:
            entry = await application.keys.get(build_report.KEY)
            if entry is None:
                yield await waiting.look()
            else:
                yield BuildProgress(BuildState.RUNNING, build_report.parse(entry.value))
            await asyncio.sleep(_POLL)

    async def _end(self, build: BuildHandle, report: ApplicationReport) -> BuildProgress:
        ended = build_report.reported(report)
        if ended.state is BuildState.READY:
            return ended
        # It may have been ended between the rename that publishes and its last words. After its
        # ApplicationMaster, its container runs until its node receives the end.
        gives_up = build_report.has_given_up(report) and ended.state is BuildState.FAILED
        looks, problem = 1 if gives_up else _LATE_LOOKS, ""
        for number in range(looks):
            try:
                if await self._has_published(build):
                    return BuildProgress(BuildState.READY, reason=ended.reason)
                problem = ""
            except YarnhubError as error:
                problem = str(error)
            if number < looks - 1:
                await asyncio.sleep(_LATE_LOOK)
        return build_report.with_unknown_result(ended, problem) if problem else ended

    async def _has_published(self, build: BuildHandle) -> bool:
        try:
            async with user_store(self._settings, self._root) as store:
                found = await store.find(build.name)
        except EnvironmentNotFoundError:
            return False
        number = str(build.application_id)
        return any(each.manifest.application == number for each in found.versions)


def _ended(report: ApplicationReport) -> bool:
    return report.yarn_application_state.ended


class _Waiting:
    """Why a build waits: first in short, and if that takes longer, with the reasons."""

    def __init__(self, client: Client, build: BuildHandle) -> None:
        self._client = client
        self._build = build
        self._began: float | None = None
        self._looked = 0.0
        self._last = BuildProgress(BuildState.WAITING)

    async def look(self) -> BuildProgress:
        """The state and the reasons, which are looked up every few seconds."""
        now = asyncio.get_running_loop().time()
        if self._began is None:
            self._began = now
        elif now - self._looked < _EXPLAIN:
            return self._last
        explanation = await self._client.explain(self._build.application_id)
        words = [summary(explanation)]
        if now - self._began >= _EXPLAIN:
            words += sentences(explanation, logs="")
        self._looked = now
        self._last = BuildProgress(BuildState.WAITING, reason=" ".join(words))
        return self._last
