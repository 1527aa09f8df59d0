"""An attempt that begins when the tokens of its submission have ended.

YARN starts each attempt with the tokens of the submission, however old they are. Without others it
cannot read what the attempt before it recorded; and whoever brings others asks the ResourceManager
where the ApplicationMaster is. So it registers first, takes tokens, and then begins.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from yarnhub.control.messages import Nothing, Request, UpdateTokens

if TYPE_CHECKING:
    from collections.abc import Sequence

    from yarnhub.appmaster.shell.runner import Runner, SchedulerPort
    from yarnhub.yarn.records.applications import FinalApplicationStatus
    from yarnhub.yarn.records.ids import ContainerId
    from yarnhub.yarn.records.resources import ResourceRequest
    from yarnhub.yarn.records.scheduler import AllocateResponse, RegisterApplicationMasterResponse


class Reception:
    """Answers clients before there is a runner: takes tokens, and has all others wait for it."""

    def __init__(self) -> None:
        self._runner: asyncio.Future[Runner] = asyncio.get_running_loop().create_future()
        self._tokens: asyncio.Future[UpdateTokens] = asyncio.get_running_loop().create_future()

    async def ask(self, request: Request[Any]) -> Any:  # the class depends on the request
        """Have the application answer a client's request, see `Runner.ask`."""
        if isinstance(request, UpdateTokens) and not self._runner.done():
            if not self._tokens.done():
                self._tokens.set_result(request)
            return Nothing()
        return await (await asyncio.shield(self._runner)).ask(request)

    async def tokens(self) -> UpdateTokens:
        """Wait for tokens."""
        return await asyncio.shield(self._tokens)

    def open(self, runner: Runner) -> None:
        """From now on the runner answers."""
        self._runner.set_result(runner)


class Registered:
    """A scheduler at which this attempt has registered; a second time would be refused.

    Source: ApplicationMasterService.registerApplicationMaster.
    """

    def __init__(
        self, scheduler: SchedulerPort, response: RegisterApplicationMasterResponse
    ) -> None:
        self._scheduler = scheduler
        self._response: RegisterApplicationMasterResponse | None = response

    async def register(
        self, host: str, rpc_port: int, tracking_url: str
    ) -> RegisterApplicationMasterResponse:
        """The answer that was given; after a restart of the ResourceManager a new one."""
        if self._response is not None:
            response, self._response = self._response, None
            return response
        return await self._scheduler.register(host, rpc_port, tracking_url)

    async def allocate(
        self, asks: Sequence[ResourceRequest], releases: Sequence[ContainerId], progress: float
    ) -> AllocateResponse:
        """See `Scheduler.allocate`."""
        return await self._scheduler.allocate(asks, releases, progress)

    async def finish(
        self, status: FinalApplicationStatus, diagnostics: str, tracking_url: str = ""
    ) -> None:
        """See `Scheduler.finish`."""
        await self._scheduler.finish(status, diagnostics, tracking_url)
