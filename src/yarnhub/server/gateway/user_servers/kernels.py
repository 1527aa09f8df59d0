"""Kernels of users' own servers: they have the Jupyter side, and the service holds the kernels."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from yarnhub.base.deadline import Deadline
from yarnhub.base.errors import YarnhubError
from yarnhub.kernels.kernel import KernelState
from yarnhub.kernels.service_protocol import (
    KernelNotFoundError,
    KernelServiceError,
)
from yarnhub.server.audit import Event
from yarnhub.server.gateway.containers import size_of_request
from yarnhub.server.gateway.owners import Owned
from yarnhub.server.gateway.user_servers.kernel_request import request_for
from yarnhub.server.gateway.user_servers.state_polls import StatePolls
from yarnhub.sessions.limits import NOTHING, Held

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from yarnhub.kernels.kernel import Kernel, KernelHolder
    from yarnhub.kernels.protocol import Room
    from yarnhub.kernels.service_protocol import Start
    from yarnhub.server.gateway.identity import Identity
    from yarnhub.server.gateway.service import Service
    from yarnhub.sessions.limits import Size

_log = logging.getLogger(__name__)
_READY = 5.0
"""Seconds that a request waits for the holder, which finds its kernels at the start."""
_RETRY = 5.0


class NotReadyError(YarnhubError):
    """The service does not know its kernels yet, or is being stopped: the client asks again."""

    retriable = True


@dataclass(frozen=True, slots=True)
class _Starting:
    owner: str
    task: asyncio.Task[Kernel | YarnhubError]
    connect: bool


class ServerKernels:
    """All kernels that the service holds, for the servers of their owners.

    Args:
        service: All parts of the service.
        holder: Returns what holds the kernels, after it has found them.

    Attributes:
        clients: By kernel, how many notebooks of users' servers are connected.
        polls: Requests that wait for other states.
        stopping: By kernel, the task that stops it.
    """

    def __init__(self, service: Service, holder: Callable[[], Awaitable[KernelHolder]]) -> None:
        self.service = service
        self._holder = holder
        self._found: KernelHolder | None = None
        self._starting: dict[str, _Starting] = {}
        self.stopping: dict[str, asyncio.Task[YarnhubError | None]] = {}
        self.polls = StatePolls()
        self.clients = Counter[str]()
        service.owners.elsewhere = self.held
        service.owners.owner_elsewhere = self._owner_elsewhere
        service.owners.are_ending = self._are_ending
        service.owners.started = self._started
        # At once: YARN ends what nobody holds, and what users hold counts for their limits.
        _ = service.tasks.start(self._find(), name="kernels of the service")

    async def _find(self) -> None:
        while True:
            try:
                self._found = await self._holder()
                break
            except YarnhubError as error:
                _log.warning("the kernels have not been found yet, retrying: %s", error)
            await asyncio.sleep(_RETRY)
        await self.service.others.keep_telling(lambda: self.service.owners.held({}))

    async def holder(self) -> KernelHolder:
        """What holds the kernels.

        Raises:
            NotReadyError: It has not found them yet.
        """
        try:
            async with Deadline(_READY, "it is still finding its kernels"):
                self._found = await self._holder()
                return self._found
        except YarnhubError as error:
            raise NotReadyError(f"The kernel service is not ready: {error}") from error

    async def room(self, kernel: Kernel) -> Room:
        """See `Service.room`; waits until all kernels are found, which count.

        Raises:
            YarnhubError: It is not known.
        """
        await self.holder()
        return await self.service.room(kernel)

    async def own(
        self, identity: Identity, kernel_id: str, action: str, origin: Mapping[str, object]
    ) -> Kernel:
        """A kernel of a user.

        Args:
            identity: The user.
            kernel_id: The kernel's id.
            action: What the user wants to do with it, for the audit log.
            origin: Where the request is from, for the audit log.

        Raises:
            KernelNotFoundError: There is none with this id, or it is another user's.
            NotReadyError: That is not known.
        """
        kernel = (await self.holder()).find(kernel_id)
        if kernel is None:
            raise unknown(kernel_id)
        if kernel.request.owner != identity.name:
            raise self._foreign(identity, kernel_id, kernel.request.owner, action, origin)
        return kernel

    def _foreign(
        self,
        identity: Identity,
        kernel_id: str,
        owner: str,
        action: str,
        origin: Mapping[str, object],
    ) -> KernelNotFoundError:
        """The error for a kernel of another user, after it has been recorded."""
        self.service.audit.write(
            Event.REFUSE,
            identity.name,
            action=action,
            reason="a kernel of another user",
            kernel=kernel_id,
            owner=owner,
            **origin,
        )
        return unknown(kernel_id)

    def owner_of(self, kernel_id: str, holder: KernelHolder) -> str:
        """The owner of a kernel that is held or being started; empty if there is none."""
        starting = self._starting.get(kernel_id)
        if starting is not None:
            return starting.owner
        kernel = holder.find(kernel_id)
        if kernel is not None:
            return kernel.request.owner
        owned = self.service.owners.find(kernel_id)
        return owned.owner if owned is not None else ""

    def held(self, groups: Mapping[str, frozenset[str]]) -> list[Held]:
        """What users hold besides the kernels of the kernel manager and those being started."""
        return [
            Held(
                owner=kernel.request.owner,
                groups=groups.get(kernel.request.owner, frozenset()),
                size=size_of_request(kernel.request),
                started=kernel.started,
            )
            for kernel in (self._found.kernels() if self._found is not None else ())
            if kernel.status.state is not KernelState.DEAD
            and not self.service.owners.is_managed(kernel.id)
        ]

    def _started(self, kernel_id: str) -> Size:
        kernel = self._found.find(kernel_id) if self._found is not None else None
        return kernel.started if kernel is not None else NOTHING

    def _owner_elsewhere(self, kernel_id: str) -> str:
        starting = self._starting.get(kernel_id)
        if starting is not None:
            return starting.owner
        kernel = self._found.find(kernel_id) if self._found is not None else None
        return kernel.request.owner if kernel is not None else ""

    def _are_ending(self, owner: str) -> bool:
        is_ending = self.service.owners.is_ending
        return any(
            kernel.request.owner == owner
            and kernel.status.state is not KernelState.DEAD
            and (kernel.id in self.stopping or is_ending(kernel.id))
            for kernel in (self._found.kernels() if self._found is not None else ())
        )

    async def states(self, identity: Identity, tag: str, wait: float) -> tuple[bytes, str]:
        """A user's kernels, and a tag for their states; see `StatePolls.states`.

        Raises:
            NotReadyError: They are not known.
            TooManyRequestsError: Too many requests wait.
        """
        return await self.polls.states(await self.holder(), identity.name, tag, wait)

    # --- the start

    async def start(
        self, identity: Identity, kernel_id: str, start: Start, origin: Mapping[str, object]
    ) -> Kernel:
        """Start a kernel, or return the one with this id; cancelling leaves the start running.

        Raises:
            KernelNotFoundError: There is no such kernelspec, or the id is another user's.
            YarnhubError: The kernel was refused.
        """
        holder = await self.holder()
        return await self.started(holder, identity, kernel_id, start, origin)

    def starting_connect(self, owner: str) -> str:
        """The id of a user's Spark Connect server that is being started; empty if none is."""
        starting = self._starting.items()
        return next((id_ for id_, each in starting if each.connect and each.owner == owner), "")

    async def started(
        self,
        holder: KernelHolder,
        identity: Identity,
        kernel_id: str,
        start: Start,
        origin: Mapping[str, object],
        *,
        connect: bool = False,
    ) -> Kernel:
        """As `start`, also for a Spark Connect server; nothing is awaited before its start."""
        starting = self._starting.get(kernel_id)
        if starting is None:
            kernel = holder.find(kernel_id)
            owner = self.owner_of(kernel_id, holder)
            if owner and owner != identity.name:
                raise self._foreign(identity, kernel_id, owner, "start", origin)
            if kernel is not None:
                return kernel
            self._check_free(kernel_id)
            work = self._start(holder, identity, kernel_id, start, origin, connect=connect)
            task = self.service.tasks.start(work, name=f"start of {kernel_id}")
            starting = self._starting[kernel_id] = _Starting(identity.name, task, connect)
            task.add_done_callback(lambda _: self._starting.pop(kernel_id))
        if starting.owner != identity.name:
            raise self._foreign(identity, kernel_id, starting.owner, "start", origin)
        await asyncio.wait([starting.task])
        if starting.task.cancelled():
            raise unknown(kernel_id)
        found = starting.task.result()
        if isinstance(found, YarnhubError):
            raise found
        return found

    async def _start(
        self,
        holder: KernelHolder,
        identity: Identity,
        kernel_id: str,
        start: Start,
        origin: Mapping[str, object],
        *,
        connect: bool,
    ) -> Kernel | YarnhubError:
        service = self.service
        fields = {"kernel": kernel_id, "name": start.name, **origin}
        try:
            request = await request_for(service, identity, kernel_id, start, connect=connect)
            groups = await service.groups_for_limits(identity.name)
            # Nothing is awaited from here to the start: two requests cannot both fit.
            self._check_free(kernel_id)
            size = size_of_request(request)
            service.check_limits(identity, groups, size)
            owned = Owned(owner=identity.name, cluster_user=identity.cluster_user, size=size)
            with service.owners.starting(kernel_id, owned):
                kernel = await holder.start(request)
        except YarnhubError as error:
            service.metrics.failed("refused")
            service.audit.write(
                Event.REFUSE, identity.name, action="start", reason=str(error), **fields
            )
            return error
        service.metrics.started()
        service.audit.write(Event.START, identity.name, owner=identity.name, **fields)
        self.polls.notify(identity.name)
        return kernel

    def _check_free(self, kernel_id: str) -> None:
        if self.service.owners.is_managed(kernel_id):
            raise KernelServiceError(f"There is already a kernel with the id {kernel_id}")

    # --- the end

    async def stop(
        self, identity: Identity, kernel_id: str, *, now: bool, origin: Mapping[str, object]
    ) -> Kernel:
        """Stop a kernel, or cancel its start; cancelling leaves that running.

        Raises:
            KernelNotFoundError: There is none; also if its start was cancelled.
            YarnhubError: YARN does not respond.
        """
        await self._withdraw(identity, kernel_id)
        kernel = await self.own(identity, kernel_id, "stop", origin)
        if kernel.status.state is KernelState.DEAD:
            return kernel
        task = self.stopping.get(kernel_id)
        if task is None:
            task = self.begin_stop(kernel, now=now)
            self._record(Event.STOP, identity, kernel_id, origin)
        await asyncio.wait([task])
        if task.cancelled():
            raise NotReadyError("The kernel service is being stopped")
        error = task.result()
        if error is not None:
            raise error
        return kernel

    def begin_stop(self, kernel: Kernel, *, now: bool) -> asyncio.Task[YarnhubError | None]:
        """Stop a kernel in the background."""
        task = self.service.tasks.start(_stop(kernel, now=now), name=f"end of {kernel.id}")
        self.stopping[kernel.id] = task
        task.add_done_callback(lambda _: self.stopping.pop(kernel.id))
        return task

    async def forget(
        self, identity: Identity, kernel_id: str, origin: Mapping[str, object]
    ) -> None:
        """Cancel a start, or remove what is kept of a dead kernel.

        Raises:
            KernelNotFoundError: There is none.
            KernelServiceError: It is not dead.
        """
        if await self._withdraw(identity, kernel_id):
            return
        kernel = await self.own(identity, kernel_id, "stop", origin)
        if kernel.status.state is not KernelState.DEAD or kernel_id in self.service.manager:
            raise KernelServiceError(f"kernel {kernel_id} is not dead")
        (await self.holder()).forget(kernel_id)
        self.polls.notify(identity.name)

    async def _withdraw(self, identity: Identity, kernel_id: str) -> bool:
        """Cancel a start; whether there was one."""
        starting = self._starting.get(kernel_id)
        if starting is None or starting.owner != identity.name:
            return False
        starting.task.cancel()
        await asyncio.wait([starting.task])
        return starting.task.cancelled()

    # --- what runs

    async def signal(
        self, identity: Identity, kernel_id: str, number: int, origin: Mapping[str, object]
    ) -> None:
        """Send a signal to a kernel's processes."""
        await (await self.own(identity, kernel_id, "interrupt", origin)).signal(number)
        self._record(Event.INTERRUPT, identity, kernel_id, {**origin, "signal": number})

    async def restart(
        self, identity: Identity, kernel_id: str, origin: Mapping[str, object]
    ) -> int:
        """Restart a kernel; returns its generation."""
        generation = await (await self.own(identity, kernel_id, "restart", origin)).restart()
        self._record(Event.RESTART, identity, kernel_id, origin)
        return generation

    def connected(self, identity: Identity, kernel_id: str, origin: Mapping[str, object]) -> None:
        """Note that a client has connected."""
        self._record(Event.CONNECT, identity, kernel_id, origin)

    def _record(
        self, event: Event, identity: Identity, kernel_id: str, fields: Mapping[str, object]
    ) -> None:
        self.service.audit.write(
            event, identity.name, owner=identity.name, kernel=kernel_id, **fields
        )


def unknown(kernel_id: str) -> KernelNotFoundError:
    """The error for ids that do not exist, and for those of other users."""
    return KernelNotFoundError(f"Kernel does not exist: {kernel_id}")


async def _stop(kernel: Kernel, *, now: bool) -> YarnhubError | None:
    try:
        await kernel.stop(now=now)
    except YarnhubError as error:
        return error
    return None
