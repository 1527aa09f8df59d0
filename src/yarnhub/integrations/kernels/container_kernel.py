"""Jupyter Server's manager of one kernel, for kernels that may run in a container."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_client.kernelspec import KernelSpec, NoSuchKernel
from jupyter_server._tz import utcnow
from jupyter_server.services.kernels.kernelmanager import ServerKernelManager
from tornado.concurrent import Future
from traitlets import default

from yarnhub.base.errors import YarnhubError
from yarnhub.integrations.kernels import words
from yarnhub.integrations.kernels.interruption import (
    CLOSED,
    SUBSCRIBED,
    Interruption,
    bridge,
)
from yarnhub.integrations.kernels.provisioner import StartError, YarnhubProvisioner
from yarnhub.integrations.kernels.replay import replay
from yarnhub.integrations.kernels.restarter import ContainerRestarter
from yarnhub.integrations.kernels.server_records import ServerKernelRecord
from yarnhub.kernels.kernel import KernelState
from yarnhub.kernels.kernelspec import PROVISIONER
from yarnhub.kernels.protocol import Activity

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Mapping

    from yarnhub.integrations.kernels.holding import Holding
    from yarnhub.integrations.kernels.requests import Owner
    from yarnhub.kernels.kernel import Kernel


class ContainerKernel(ServerKernelManager):
    """One kernel; its parent is a `YarnhubKernelManager`.

    Attributes:
        found: Whether a former server started it.
        withdrawn: Whether it was shut down before it started.
        detached: Whether this server stops and leaves it to the next one.
        confirmed: Whether the launcher has forgotten what our subscriptions have received.
        problem: Why a former server's kernel has not been found again so far.
        sent: The ids of messages that the launcher may have kept, and that clients have, by their
            sessions.
    """

    found = False
    withdrawn = False
    detached = False
    confirmed = True
    problem = ""
    sent: dict[str, deque[str]]
    _followed: Kernel | None = None
    _bridges: asyncio.Task[None] | None = None
    _interrupted_at = 0.0
    _interruptions: list[Interruption]
    """Those that have not been looked after."""
    _confirms: asyncio.Task[None] | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.sent = {}

    @default("restarter_class")
    def _default_restarter_class(self) -> type[ContainerRestarter]:
        return ContainerRestarter

    @property
    def holding(self) -> Holding:
        """The kernels of this server."""
        holding: Holding = self.parent.holding
        return holding

    @property
    def owner(self) -> Owner:
        """For whom it runs."""
        owner: Owner = self.parent.owner_of(self.kernel_id)
        return owner

    @property
    def container(self) -> YarnhubProvisioner | None:
        """Its provisioner, if it runs in a container and its start has begun."""
        found = self.provisioner
        return found if isinstance(found, YarnhubProvisioner) else None

    @property
    def generation(self) -> int:
        """Of the process that cells are sent to; 0 if it does not run in a container."""
        kernel = self.container.kernel if self.container is not None else None
        return self.holding.sockets.generation(kernel) if kernel is not None else 0

    @property
    def latest_generation(self) -> int:
        """Of the process that new connections reach; 0 if it does not run in a container."""
        kernel = self.container.kernel if self.container is not None else None
        return kernel.status.generation if kernel is not None else 0

    @property
    def in_container(self) -> bool:
        """Whether its kernelspec says that it runs in a container."""
        return is_for_containers(self.kernel_spec)

    @property
    def kernel_spec(self) -> KernelSpec | None:
        """Its kernelspec; a kernel that was found again may not have one any more."""
        try:
            return super().kernel_spec
        except NoSuchKernel:
            if not self.found:
                raise
            self._kernel_spec = KernelSpec(
                display_name=self.kernel_name,
                metadata={"kernel_provisioner": {"provisioner_name": PROVISIONER}},
            )
            return self._kernel_spec

    def use(self, spec: KernelSpec) -> None:
        """Have the next start use a kernelspec that is in no folder."""
        self._kernel_spec = spec
        if self.container is not None:  # it was made for the kernelspec of an earlier start
            self.container.kernel_spec = spec
            self.container.settings = dict(spec.metadata["kernel_provisioner"].get("config") or {})

    def restore(self, record: ServerKernelRecord) -> None:
        """Prepare to find a former server's kernel again."""
        self.found = True
        # A former process' connection file would be equal, and then jupyter_client uses none of it.
        Path(self.connection_file).unlink(missing_ok=True)
        self.kernel_id = record.id
        self.execution_state = "starting"
        self.problem = words.joining()
        self._attempted_start = True
        # Otherwise each connection would first send a request that waits behind the running cell.
        known: Future[dict[str, str]] = Future()
        known.set_result({"protocol_version": record.protocol} if record.protocol else {})
        self._kernel_info_future = known

    def record(
        self, *, cwd: str, env: Mapping[str, str], memory: int, vcores: int
    ) -> ServerKernelRecord:
        """Store what another server needs to find it again."""
        record = ServerKernelRecord(
            id=self.kernel_id,
            name=self.kernel_name,
            owner=self.owner.name,
            user=self.owner.user,
            cwd=cwd,
            env=dict(env),
            memory=memory,
            vcores=vcores,
            server=self.parent.server_name,
            sessions=self.holding.records.sessions(self.kernel_id),
        )
        self.holding.records.put(record)
        return record

    def tell_problem(self, problem: str) -> None:
        """Note why it has not been found again so far."""
        self.problem = words.joining(problem)

    def withdraw(self, *, end: bool = True) -> None:
        """Cancel its start.

        Args:
            end: Whether its application is ended.
        """
        self.withdrawn = True
        if self.container is not None:
            self.container.withdraw(end=end)

    def detach(self) -> None:
        """Leave it running, for the next server."""
        self.detached = True
        self.withdraw(end=False)
        self.stop_restarter()
        self._close_control_socket()

    def interrupted(self, kernel: Kernel, generation: int) -> None:
        """Its channels were closed, though not by this server; see `interruption`."""
        if kernel is not self._followed or self.detached:
            return
        now = asyncio.get_running_loop().time()
        if self.is_interrupted:
            if now > self._interrupted_at + CLOSED:
                self._interruptions.append(Interruption(generation, now))
            return
        self._interrupted_at = now
        self.confirmed = False
        self._interruptions = [Interruption(generation, now)]
        if self._confirms is not None:
            # Its request may be repeated after the interruption: it would take what was missed.
            self._confirms.cancel()
        name = f"kernel {self.kernel_id} is interrupted"
        self._bridges = self.holding.tasks.start(self._bridge(kernel), name=name)

    async def _bridge(self, kernel: Kernel) -> None:
        while self._interruptions:
            interruption = self._interruptions[-1]
            self._interruptions.clear()
            await bridge(self.parent, self, kernel, interruption)

    @property
    def is_interrupted(self) -> bool:
        """Whether clients wait for what it has published while its channels were closed."""
        return self._bridges is not None and not self._bridges.done()

    def waits_for(self) -> str:
        """What it waits for, in words."""
        container = self.container
        if container is None or container.kernel is None:
            return self.problem or words.waiting(None)
        return words.waiting(container.kernel.status, container.kernel.application_id)

    def show_activity(self) -> None:
        """Set `execution_state` to what the launcher reports, which knows it from the start on."""
        status = self.container.status if self.container is not None else None
        if status is not None and status.state is KernelState.RUNNING and self.ready.done():
            self.execution_state = "busy" if status.activity is Activity.BUSY else "idle"

    # --- jupyter_client's steps of a start

    async def _async_launch_kernel(self, kernel_cmd: list[str], **kw: Any) -> None:
        if self.withdrawn:
            raise StartError(words.WITHDRAWN)
        await super()._async_launch_kernel(kernel_cmd, **kw)

    async def _async_post_start_kernel(self, **kw: Any) -> None:
        await super()._async_post_start_kernel(**kw)
        kernel = self.container.kernel if self.container is not None else None
        if kernel is None or kernel is self._followed:
            return
        if self.found:
            # Before it is ready: a client that connects would use the same ZeroMQ identity.
            await replay(self.parent, self, kernel)
        self._followed = kernel
        _ = self.holding.tasks.start(self._follow(kernel), name=f"state of kernel {self.kernel_id}")

    def cleanup_ipc_files(self) -> None:
        """Leave the sockets of a container's channels, which are not the process'."""
        if self.container is None:
            super().cleanup_ipc_files()

    async def _follow(self, kernel: Kernel) -> None:
        """Report ends at once, and keep `execution_state` true, also after a former server."""
        status, heard, used = kernel.status, 0, 0.0
        while True:
            self.show_activity()
            if status.used > used:  # by jobs in the background, of which no message tells
                used = status.used
                self.last_activity = self.parent.last_kernel_activity = utcnow()
            if status.state is KernelState.RUNNING and status.generation > heard:
                heard, self.confirmed = status.generation, False
                work = self._confirm(kernel)
                name = f"output of kernel {self.kernel_id}"
                self._confirms = self.holding.tasks.start(work, name=name)
            if status.state in (KernelState.ENDED, KernelState.DEAD) and self._restarter:
                await self._restarter.poll()
            if status.state is KernelState.DEAD or self._followed is not kernel:
                return
            status = await kernel.changed(status)

    async def _confirm(self, kernel: Kernel) -> None:
        """Have the launcher forget what our subscriptions have received while they were new.

        Otherwise a client would see it again, if this server was killed soon.
        """
        with contextlib.suppress(YarnhubError, RuntimeError):  # it has ended
            await done(self.ready)
            await asyncio.sleep(SUBSCRIBED)
            if not self.is_interrupted:  # then clients wait for it
                await kernel.history()
                self.confirmed = True


def is_for_containers(spec: Any) -> bool:  # jupyter_client's KernelSpec
    """Whether kernels of a kernelspec run in containers, and not on the host of the server."""
    found = spec.metadata.get("kernel_provisioner")
    return isinstance(found, dict) and found.get("provisioner_name") == PROVISIONER


def done(future: Any) -> asyncio.Future[None]:  # jupyter_client's `ready` is of either kind
    """A future of jupyter_client's that can be awaited."""
    return future if isinstance(future, asyncio.Future) else asyncio.wrap_future(future)
