"""Idle kernels of users' servers are stopped, like those of the service's own clients."""

from __future__ import annotations

from typing import TYPE_CHECKING

from yarnhub.kernels.kernel import KernelState
from yarnhub.kernels.protocol import Activity
from yarnhub.server.audit import Event

if TYPE_CHECKING:
    from collections.abc import Callable

    from yarnhub.kernels.kernel import Kernel
    from yarnhub.server.gateway.user_servers.kernels import ServerKernels


class IdleKernels:
    """The kernels that the kernel manager does not have, and so does not cull.

    A server connects to its kernel's shell channel while a notebook is open, or may be opened again
    in the same window.

    Args:
        kernels: All kernels of users' servers.
        clock: Seconds since 1970.
    """

    def __init__(self, kernels: ServerKernels, clock: Callable[[], float]) -> None:
        self._kernels = kernels
        self._clock = clock
        self._first_seen: dict[str, float] = {}

    async def cull(self) -> None:
        """Stop those that have been idle for too long; see `MappingKernelManager.cull_*`.

        Raises:
            NotReadyError: The kernels are not known yet.
        """
        service = self._kernels.service
        manager, now = service.manager, self._clock()
        alive = [
            kernel
            for kernel in (await self._kernels.holder()).kernels()
            if kernel.status.state is not KernelState.DEAD
        ]
        self._first_seen = {each.id: self._first_seen.get(each.id, now) for each in alive}
        for kernel in alive:
            idle = now - max(kernel.status.active, self._first_seen[kernel.id])
            if kernel.id in manager or kernel.id in self._kernels.stopping:
                continue
            if idle > manager.cull_idle_timeout and self._is_idle(kernel):
                _ = self._kernels.begin_stop(kernel, now=False)
                service.audit.write(
                    Event.CULL,
                    "",
                    kernel=kernel.id,
                    owner=kernel.request.owner,
                    reason=f"idle for {idle:.0f} s",
                )

    def _is_idle(self, kernel: Kernel) -> bool:
        """Whether it runs no cell, and no notebook; not if that is unknown."""
        manager, status = self._kernels.service.manager, kernel.status
        if self._kernels.clients[kernel.id] and not manager.cull_connected:
            return False
        if status.state is KernelState.ENDED:
            return True
        runs = status.state is KernelState.RUNNING and status.connected
        return runs and (status.activity is Activity.IDLE or manager.cull_busy)
