"""The program of a build in a container: `python -m yarnhub.environments.cluster_build.container`.

Its application ends with what it prints last: uv's own words if it failed. The environment exists
when the rename of `EnvironmentStore.publish` has happened, whatever becomes of this program later.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from yarnhub.base.errors import ConfigurationError, YarnhubError
from yarnhub.base.files import read_regular
from yarnhub.base.foreign_text import clean_and_cut
from yarnhub.base.tasks import task_group
from yarnhub.client.application.container import CurrentContainer
from yarnhub.control.messages import FinalStatus
from yarnhub.environments.cluster_build import report as build_report
from yarnhub.environments.cluster_build.application import BUILDER, FOLDER
from yarnhub.environments.cluster_build.builder_archive import unpacked_builder
from yarnhub.environments.cluster_build.request import FILE, MAX_REQUEST, BuildRequest
from yarnhub.environments.cluster_build.site_transfer import unpacked_site
from yarnhub.environments.errors import BuildError, error_text
from yarnhub.environments.local_build.environment import build
from yarnhub.environments.progress import Progress, Step
from yarnhub.environments.published.store import EnvironmentStore
from yarnhub.environments.published.user_store import configured_limits
from yarnhub.hadoop.conf import Configuration

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from yarnhub.client.application.client import ApplicationClient
    from yarnhub.environments.local_build.builder import Builder
    from yarnhub.environments.local_build.site import BuildSite

_INTERVAL = 0.5
"""Seconds between two reports of progress."""
_MEBIBYTE = 1 << 20
_LINES = 20
"""Of progress of an upload, which is counted in MiB."""
_TERMINATED = 128 + signal.SIGTERM


class ContainerBuild:
    """A build in the container of this process.

    Args:
        container: The container.
        folder: Its working folder.
    """

    def __init__(self, container: CurrentContainer, folder: Path) -> None:
        self._container = container
        self._folder = folder
        self._latest = Progress(Step.INTERPRETER)
        self._changed = asyncio.Event()

    async def run(self) -> int:
        """Build and publish; returns the exit code.

        If cancelled, nothing incomplete remains, neither here nor in HDFS. The application then
        ends with the exit code.
        """
        async with self._container.application() as application:
            try:
                async with task_group() as group:
                    reports = group.create_task(self._report(application), name="report progress")
                    words = await self._build_and_publish()
                    reports.cancel()
            except YarnhubError as error:
                words = clean_and_cut(error_text(error))
                print(words, file=sys.stderr, flush=True)
                with contextlib.suppress(YarnhubError):  # YARN reports the exit code then
                    await application.shutdown(FinalStatus.FAILED, words)
                return 1
            print(words, flush=True)
            with contextlib.suppress(YarnhubError):
                await application.shutdown(FinalStatus.SUCCEEDED, words)
        return 0

    async def _build_and_publish(self) -> str:
        request, site, builder = await asyncio.to_thread(self._read)
        specification, name = request.specification, request.specification.name

        async with self._store(request) as store:
            await store.check_limits(name)

        async def exists(key: str) -> bool:
            async with self._store(request) as store:
                return await store.has(name, key)

        folder = self._folder / FOLDER
        built = await build(specification, site, folder, self._say, exists=exists, builder=builder)
        self._say(Progress(Step.PUBLISH))

        def sent(size: int) -> None:
            done, total = size // _MEBIBYTE, max(1, built.size // _MEBIBYTE)
            if done - self._latest.done >= max(1, total // _LINES):
                self._say(Progress(Step.PUBLISH, done, total))

        try:
            # Opened again: a long build outlives a token, and the container has a newer one.
            async with self._store(request) as store:
                published = await store.publish(
                    specification, built, sent, application=self._container.application_id
                )
        except YarnhubError as error:
            raise BuildError(Step.PUBLISH, str(error)) from error
        number = published.current.number
        if built.archive is None:
            return f"{name} has not changed since version {number}, which is current."
        return f"Published {name}, version {number}."

    def _read(self) -> tuple[BuildRequest, BuildSite, Builder]:
        try:
            content = read_regular(self._folder / FILE, MAX_REQUEST)
        except OSError as error:
            raise ConfigurationError(f"{FILE} cannot be read: {error.strerror}") from error
        work = self._folder / FOLDER
        own = work / "site"
        own.mkdir(mode=0o700, parents=True)
        site = unpacked_site(self._container.secrets(), self._folder, own)
        builder = unpacked_builder(self._folder / BUILDER)
        return BuildRequest.parse(content), site, builder

    @contextlib.asynccontextmanager
    async def _store(self, request: BuildRequest) -> AsyncIterator[EnvironmentStore]:
        configuration = Configuration(request.hadoop)
        opened = await self._container.file_system(request.root, configuration)
        async with opened as file_system:
            limits = configured_limits(configuration)
            yield EnvironmentStore(file_system, request.root, user=request.user, limits=limits)

    def _say(self, progress: Progress) -> None:
        print(progress, flush=True)
        self._latest = progress
        self._changed.set()

    async def _report(self, application: ApplicationClient) -> None:
        """Report the progress until cancelled. It is shown, and nothing depends on it."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            with contextlib.suppress(YarnhubError):
                await application.keys.put(build_report.KEY, build_report.dump(self._latest))
            await asyncio.sleep(_INTERVAL)


async def _run(container: CurrentContainer) -> int:
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        return await ContainerBuild(container, Path.cwd()).run()
    except asyncio.CancelledError:
        return _TERMINATED


def main() -> int:
    """Run the build of this container; returns the exit code."""
    container = CurrentContainer.from_environment(os.environ)
    if container is None:
        print("This program runs in containers of builds only.", file=sys.stderr)
        return 2
    return asyncio.run(_run(container))


if __name__ == "__main__":
    sys.exit(main())
