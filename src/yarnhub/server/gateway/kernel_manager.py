"""The kernel manager of the service: kernels of many users, in containers only."""

from __future__ import annotations

import contextlib
import datetime as dt
import logging
from typing import TYPE_CHECKING, Any

import zmq

from yarnhub.base.errors import YarnhubError
from yarnhub.integrations.kernels.kernel_manager import YarnhubKernelManager
from yarnhub.integrations.kernels.requests import Owner
from yarnhub.kernels.protocol import Activity
from yarnhub.server.audit import Event
from yarnhub.server.gateway.containers import size_of_request
from yarnhub.server.gateway.missed_messages import MissedMessages
from yarnhub.server.gateway.owners import Owned, Owners
from yarnhub.sessions.limits import Size

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from yarnhub.kernels.kernel import Kernel
    from yarnhub.server.audit import AuditLog

_MAX_PART = 128 * 1024 * 1024
"""Bytes of a part of a message; a kernel that sends more is connected again."""
_MAX_RECEIVED = 100
"""Messages of a socket that ZeroMQ keeps until they are read."""
_log = logging.getLogger(__name__)

# Any, in this module: jupyter_server's managers have no types


class GatewayKernelManager(YarnhubKernelManager):
    """The kernels of all users.

    Attributes:
        owners: Whose kernels there are.
        audit: The audit log.
        cull_others: Stops idle kernels that this manager does not have.
    """

    def __init__(self, audit: AuditLog, **kwargs: Any) -> None:
        self.audit = audit
        self.cull_others: Callable[[], Awaitable[None]] | None = None
        self._culling: set[str] = set()
        self._given: dict[str, Any] = {}
        self.owners = Owners(self, self._recorded)
        super().__init__(**kwargs)
        self.owners.is_ending = self.holding.is_ending
        self.context.setsockopt(zmq.MAXMSGSIZE, _MAX_PART)
        self.context.setsockopt(zmq.SNDHWM, 1)  # as `PatientConnection` counts
        self.context.setsockopt(zmq.RCVHWM, _MAX_RECEIVED)

    @contextlib.contextmanager
    def using(self, kernel_id: str, spec: Any) -> Iterator[None]:
        """Have the start of a kernel, in the block, use a kernelspec that is in no folder."""
        self._given[kernel_id] = spec
        try:
            yield
        finally:
            del self._given[kernel_id]

    def pre_start_kernel(self, kernel_name: str | None, kwargs: Any) -> tuple[Any, str, str]:
        """Construct the manager of a kernel."""
        kernel, name, kernel_id = super().pre_start_kernel(kernel_name, kwargs)
        if kernel_id in self._given:
            kernel.use(self._given[kernel_id])
        return kernel, name, kernel_id

    async def _check_kernelspec(self, kernel_id: str | None, kernel_name: str) -> None:
        if kernel_id not in self._given:
            await super()._check_kernelspec(kernel_id, kernel_name)

    def variables_of(self, kernel_id: str) -> dict[str, str]:
        """The variables of the request with which a kernel was started."""
        arguments = self._kernels[kernel_id]._launch_args  # noqa: SLF001  # kept for a restart
        return dict(arguments.get("env") or {})

    def owner_of(self, kernel_id: str) -> Owner:
        """For whom a kernel runs.

        Raises:
            LookupError: There is no such kernel.
        """
        owned = self.owners.find(kernel_id)
        if owned is None or not owned.owner:
            raise LookupError(f"the owner of kernel {kernel_id} is not known")
        return Owner(name=owned.owner, user=owned.cluster_user)

    def owns(self, kernel: Kernel) -> bool:
        """Whether a kernel that is held is of the user for whom the record with its id is."""
        record = self.holding.records.get(kernel.id)
        return record is not None and record.owner == kernel.request.owner

    def _recorded(self, kernel_id: str) -> Owned | None:
        """Whose kernel one is that an earlier process has started."""
        record = self.holding.records.get(kernel_id)
        if record is None or not record.owner:
            return None
        container = getattr(self._kernels.get(kernel_id), "container", None)
        held = container.kernel if container is not None else None
        if held is not None:
            size = size_of_request(held.request)
        else:
            size = Size(memory=record.memory, vcores=record.vcores)
        return Owned(owner=record.owner, cluster_user=record.user, size=size)

    def start_buffering(self, kernel_id: str, session_key: str, channels: Any) -> None:
        """Keep the messages of a client that has left, within limits."""
        super().start_buffering(kernel_id, session_key, channels)
        self._kernel_buffers[kernel_id]["buffer"] = MissedMessages()

    # --- culling, failed starts and dead kernels

    async def cull_kernels(self) -> None:
        """Shut idle kernels down."""
        await super().cull_kernels()
        try:
            if self.cull_others is not None:
                await self.cull_others()
        except YarnhubError as error:
            _log.warning("idle kernels of users' servers are not culled yet: %s", error)

    async def cull_kernel_if_idle(self, kernel_id: str) -> None:
        """Shut a kernel down that has been idle for too long, as its launcher reports.

        A kernel that has not started is not idle.
        """
        kernel: Any = self._kernels[kernel_id]
        if kernel.execution_state != "dead" and not kernel.ready.done():
            return
        container = getattr(kernel, "container", None)
        status = container.status if container is not None else None
        if status is not None and status.activity is Activity.BUSY:
            kernel.execution_state = "busy"
        if status is not None and status.active:
            active = dt.datetime.fromtimestamp(status.active, dt.UTC)
            kernel.last_activity = max(kernel.last_activity, active)
        self._culling.add(kernel_id)
        try:
            await super().cull_kernel_if_idle(kernel_id)
        finally:
            self._culling.discard(kernel_id)

    async def shutdown_kernel(self, kernel_id: str, *args: Any, **kwargs: Any) -> None:
        """Shut a kernel down."""
        if kernel_id in self._culling:
            self._tell(Event.CULL, kernel_id, self.owners.find(kernel_id), "idle or dead")
        await self._async_shutdown_kernel(kernel_id, *args, **kwargs)

    def _failed(self, kernel_id: str, kernel: Any, error: Exception) -> None:
        self._tell(Event.FAIL, kernel_id, self.owners.find(kernel_id), str(error))
        super()._failed(kernel_id, kernel, error)

    def _handle_kernel_died(self, kernel_id: str) -> None:
        owned = self.owners.find(kernel_id)
        super()._handle_kernel_died(kernel_id)
        reason = getattr(self._kernels.get(kernel_id), "reason", "")
        self._tell(Event.END, kernel_id, owned, reason)

    def _tell(self, event: Event, kernel_id: str, owned: Owned | None, reason: str) -> None:
        owner = owned.owner if owned is not None else ""
        self.audit.write(event, "", kernel=kernel_id, owner=owner, reason=reason)
