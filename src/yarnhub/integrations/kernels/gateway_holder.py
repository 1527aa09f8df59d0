"""Kernels that the kernel service `yarnhub gateway` holds for the user of this server.

A server in a container of its own has no Kerberos ticket and cannot submit applications. It asks
the service by its user's token, and one long request at a time tells the states of all kernels.
While the service does not respond, the kernels are as they were, but not connected.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING

from yarnhub.base.background import BackgroundTasks
from yarnhub.base.errors import (
    ConnectionLostError,
    DeadlineExceededError,
    SpecError,
    YarnhubError,
)
from yarnhub.base.foreign_text import quoted
from yarnhub.control.outcomes import Cause, Outcome, Subject
from yarnhub.integrations.kernels.gateway_channels import GatewayChannels
from yarnhub.integrations.kernels.gateway_client import RETRIES, GatewayClient
from yarnhub.integrations.kernels.gateway_settings import settings_from_environment
from yarnhub.kernels.kernel import Kernel, KernelHolder, KernelState
from yarnhub.kernels.service_protocol import MAX_WAIT, KernelNotFoundError

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable, Sequence
    from pathlib import Path
    from typing import Any, Self

    from yarnhub.base.retry import RetryPolicy
    from yarnhub.integrations.kernels.gateway_settings import GatewaySettings
    from yarnhub.kernels.kernel import KernelStatus
    from yarnhub.kernels.protocol import Channel
    from yarnhub.kernels.request import KernelRequest
    from yarnhub.kernels.service_protocol import KernelModel

_log = logging.getLogger(__name__)

_LEAVE = 5.0
"""Seconds to tell the service about starts that were cancelled."""
_GATHER = 0.05
"""Seconds between two requests for the states: a busy kernel changes its own often."""
_GONE = Outcome(cause=Cause.FORGOTTEN, subject=Subject.APPLICATION)


def is_kernel_id(text: str) -> bool:
    """Whether a text is a UUID in its usual form."""
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False


def hold(folder: Path) -> GatewayHolder:  # noqa: ARG001  # the service has the records
    """The holder for `YarnhubKernelManager.holder_factory`."""
    return GatewayHolder(settings_from_environment(os.environ))  # noqa: TID251  # an entry point


class GatewayKernel(Kernel):
    """One kernel that the service holds."""

    def __init__(self, holder: GatewayHolder, model: KernelModel, since: int) -> None:
        self.request = model.request
        self.application_id = model.application_id
        self.key = model.key
        self.since = since
        """The number of the latest request for all states when it was added."""
        self._holder = holder
        self._status = model.status
        self._news = asyncio.Event()

    @property
    def status(self) -> KernelStatus:
        """As the service said last; not connected while it does not respond."""
        return self._status

    async def changed(self, seen: KernelStatus) -> KernelStatus:
        """Wait until its status is another one."""
        while self._status == seen:
            await self._news.wait()
        return self._status

    def set(self, status: KernelStatus) -> None:
        """Note its status; a dead kernel remains dead."""
        if status == self._status or self._status.state is KernelState.DEAD:
            return
        self._status = status
        self._news.set()
        self._news = asyncio.Event()

    async def signal(self, number: int) -> None:
        """Send a signal to its process and all of its children."""
        if self._status.state is KernelState.DEAD:
            return
        try:
            await self._holder.client.signal(self.id, number)
        except KernelNotFoundError:
            self.set_gone()

    async def restart(self) -> int:
        """Have its launcher start a new process."""
        self._check_alive()
        return await self._holder.client.restart(self.id)

    async def stop(self, *, now: bool = False) -> None:
        """End its application; returns when its container is gone."""
        if self._status.state is KernelState.DEAD:
            return
        try:
            self.set((await self._holder.client.stop(self.id, now=now)).status)
        except KernelNotFoundError:
            self.set_gone()

    async def open(
        self, channel: Channel, *, deadline: float = 30.0
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection to one of its sockets."""
        self._check_alive()
        return await self._holder.channels.open(self.id, channel, deadline)

    async def history(self) -> list[list[bytes]]:
        """The messages that it published while nobody listened."""
        self._check_alive()
        return await self._holder.client.history(self.id)

    async def write_note(self, note: str) -> None:
        """Keep a text with it."""
        await self._holder.client.write_note(self.id, note)
        self.request = replace(self.request, note=note)

    def set_gone(self) -> None:
        """Note that the service has no such kernel any more."""
        self.set(
            replace(
                self._status,
                state=KernelState.DEAD,
                outcome=_GONE,
                connected=False,
                waits_for=None,
            )
        )

    def set_disconnected(self) -> None:
        """Note that nothing is known of it at the moment."""
        self.set(replace(self._status, connected=False))

    def _check_alive(self) -> None:
        if self._status.state is KernelState.DEAD:
            raise YarnhubError(f"kernel {self.id} is dead")


class GatewayHolder(KernelHolder):
    """Kernels that the kernel service holds.

    Args:
        settings: Where the service is.
        retries: When requests are repeated while the service is not available.

    Attributes:
        client: For requests.
        channels: For channels.

    Raises:
        ConfigurationError: The settings are not valid.
    """

    def __init__(self, settings: GatewaySettings, retries: RetryPolicy = RETRIES) -> None:
        self.client = GatewayClient(settings, retries)
        self.channels = GatewayChannels(settings, retries)
        self._retries = retries
        self._kernels: dict[str, GatewayKernel] = {}
        self._tag = ""
        self._polls = 0
        self._watch = BackgroundTasks()
        self._removals = BackgroundTasks()
        self._removing: dict[str, asyncio.Task[None]] = {}
        """By kernel: those that are forgotten, and starts that are undone."""
        self._hidden: set[str] = set()
        """The same, and starts: they are not listed, whatever the service says."""

    async def __aenter__(self) -> Self:
        """Find the kernels again.

        Raises:
            YarnhubError: The service does not respond.
        """
        try:
            await self._poll(0.0)
        except BaseException:
            await self._close()
            raise
        _ = self._watch.start(self._follow(), name="states of kernels")
        return self

    async def aclose(self) -> None:
        """Leave the kernels running."""
        if self._removing:
            await asyncio.wait(self._removing.values(), timeout=_LEAVE)
        await self._close()

    async def _close(self) -> None:
        await self._watch.aclose()
        await self._removals.aclose()
        await self.channels.aclose()
        await self.client.aclose()

    async def start(self, request: KernelRequest) -> GatewayKernel:
        """Have the service submit a kernel; the service's kernelspec with this name decides.

        Raises:
            SpecError: The request is not valid.
            ApplicationFailedError: YARN refused it, with its reason.
            YarnhubError: The service does not respond, or refused it.
        """
        if not is_kernel_id(request.id):  # it becomes part of a URL
            raise SpecError("id", f"must be a UUID in its usual form, not {quoted(request.id)}")
        former = self._removing.get(request.id)
        if former is not None:
            await asyncio.wait([former])
        if request.id in self._kernels:
            raise YarnhubError(f"there is already a kernel {request.id}")
        self._hidden.add(request.id)
        try:
            model = await self.client.start(request)
        except (asyncio.CancelledError, ConnectionLostError, DeadlineExceededError):
            # The service may have started it, or be about to.
            self._remove(request.id, self._undo(request.id))
            raise
        self._hidden.discard(request.id)
        # Its variables are known here only.
        known = replace(model.request, env=request.env)
        return self._add(replace(model, request=known))

    def find(self, kernel_id: str) -> GatewayKernel | None:
        """A kernel of this user."""
        return self._kernels.get(kernel_id)

    def kernels(self) -> Sequence[GatewayKernel]:
        """All kernels of this user at the service, also of other servers."""
        return list(self._kernels.values())

    def forget(self, kernel_id: str) -> None:
        """Drop what the service keeps of a dead kernel."""
        kernel = self._kernels.get(kernel_id)
        if kernel is None or kernel.status.state is not KernelState.DEAD:
            return
        del self._kernels[kernel_id]
        self._remove(kernel_id, self.client.forget(kernel_id))

    # --- what the service must know

    def _remove(self, kernel_id: str, work: Coroutine[Any, Any, None]) -> None:
        self._hidden.add(kernel_id)
        task = self._removals.start(
            self._until_done(kernel_id, work), name=f"kernel {kernel_id} is removed"
        )
        self._removing[kernel_id] = task
        task.add_done_callback(lambda _: self._removing.pop(kernel_id, None))
        task.add_done_callback(lambda _: work.close())  # if it never began

    async def _until_done(self, kernel_id: str, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except YarnhubError as error:
            # Later servers of this user find it at the service.
            _log.warning("kernel %s remains at the kernel service: %s", kernel_id, error)

    async def _undo(self, kernel_id: str) -> None:
        """Stop a kernel that may have been started."""
        try:
            await self.client.stop(kernel_id, now=True)
        except KernelNotFoundError:
            return
        await self.client.forget(kernel_id)

    # --- what the service knows

    async def _follow(self) -> None:
        failures = 0
        while True:
            try:
                await self._poll(MAX_WAIT / 2)
            except YarnhubError as error:
                if not failures:
                    _log.warning("the states of the kernels are not known, retrying: %s", error)
                for kernel in self._kernels.values():
                    kernel.set_disconnected()
                self._tag = ""
                await asyncio.sleep(self._retries.delay(failures, random.random()))  # noqa: S311
                failures += 1
                continue
            if failures:
                _log.info("the kernel service responds again")
                failures = 0
            await asyncio.sleep(_GATHER)

    async def _poll(self, wait: float) -> None:
        self._polls += 1
        number = self._polls
        models, self._tag = await self.client.kernels(self._tag, wait)
        if models is not None:
            self._apply(models, number)

    def _apply(self, models: Iterable[KernelModel], number: int) -> None:
        """Note the states in an answer.

        Args:
            models: All kernels, when the service answered.
            number: Of the request. Kernels that were added after it was sent may be missing.
        """
        found = set()
        for model in models:
            kernel_id = model.request.id
            found.add(kernel_id)
            if kernel_id not in self._hidden:
                self._add(model)
        for kernel_id, kernel in self._kernels.items():
            if kernel_id not in found and kernel.since < number:
                kernel.set_gone()

    def _add(self, model: KernelModel) -> GatewayKernel:
        kernel = self._kernels.get(model.request.id)
        if kernel is not None and kernel.application_id != model.application_id:
            kernel = None
        if kernel is None:
            kernel = GatewayKernel(self, model, self._polls)
            self._kernels[model.request.id] = kernel
        else:
            kernel.set(model.status)
        return kernel
