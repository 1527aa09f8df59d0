"""The kernel provisioner `yarnhub`: what jupyter_client calls to start, watch and end a kernel.

It translates the calls for a `yarnhub.kernels.Kernel`. `kill`, `terminate` and `send_signal` are
for the kernel's process, which can be started again in the same container; `cleanup` without
`restart` ends the container. jupyter_client may shut a kernel down twice at the same time.
"""

from __future__ import annotations

import logging
import signal
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import anyio
from jupyter_client.provisioning import KernelProvisionerBase

from yarnhub.base.errors import YarnhubError
from yarnhub.integrations.kernels import requests, words
from yarnhub.kernels.kernel import KernelState
from yarnhub.kernels.protocol import Channel

if TYPE_CHECKING:
    from yarnhub.integrations.kernels.holding import Holding
    from yarnhub.kernels.kernel import Kernel, KernelStatus
    from yarnhub.kernels.request import KernelRequest

_PORTS = {
    "shell_port": Channel.SHELL,
    "iopub_port": Channel.IOPUB,
    "stdin_port": Channel.STDIN,
    "control_port": Channel.CONTROL,
    "hb_port": Channel.HB,
}
_log = logging.getLogger(__name__)


class StartError(RuntimeError):
    """A kernel did not start; the message is for its user."""


class YarnhubProvisioner(KernelProvisionerBase):
    """One kernel in a container.

    Its manager is a `ContainerKernel`, whose parent is a `YarnhubKernelManager`.

    Attributes:
        kernel: The kernel; None before YARN has accepted it.
        settings: `metadata.kernel_provisioner.config` of the kernelspec.
    """

    kernel: Kernel | None = None

    def __init__(self, **kwargs: Any) -> None:
        own = self.class_trait_names()
        self.settings = {key: kwargs.pop(key) for key in list(kwargs) if key not in own}
        super().__init__(**kwargs)
        self._request: KernelRequest | None = None
        self._generation = 0
        self._running = False
        self._launch: anyio.CancelScope | None = None
        self._end_it = True

    # --- what our own classes use

    @property
    def status(self) -> KernelStatus | None:
        """The kernel's status; None before YARN has accepted it."""
        return self.kernel.status if self.kernel is not None else None

    @property
    def is_dead(self) -> bool:
        """Whether its application has ended."""
        return self.status is not None and self.status.state is KernelState.DEAD

    @property
    def has_ended(self) -> bool:
        """Whether there is no process, and none is being started."""
        status = self.status
        return status is None or status.state in (KernelState.ENDED, KernelState.DEAD)

    def withdraw(self, *, end: bool = True) -> None:
        """Cancel the start, if one is running.

        Args:
            end: Whether its application is ended.
        """
        if self._launch is not None:
            self._end_it = end
            self._launch.cancel()

    def renew(self) -> None:
        """Have the next start submit a new application: the last one has ended."""
        self.kernel = None
        self.parent.found = False
        self._running = False

    # --- the start

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        """Determine the request.

        Raises:
            StartError: The server's kernel manager is not ours.
            YarnhubError: The kernelspec or the request is invalid.
        """
        _ = self._holding
        asked = requests.allowed(kwargs.pop("env", None), self.settings)
        cwd = str(kwargs.pop("cwd", None) or "")
        extra = kwargs.pop("extra_arguments", None) or []
        arguments: dict[str, Any] = await super().pre_launch(env=asked, **kwargs)
        arguments["cmd"] = [*self.kernel_spec.argv, *extra]
        if self.kernel is None and not self.parent.found:
            request = requests.kernel_request(
                self.kernel_id,
                self.parent.kernel_name,
                self.kernel_spec,
                self.settings,
                env={key: arguments["env"][key] for key in self.kernel_spec.env},
                asked=asked,
                owner=self.parent.owner,
                cwd=cwd,
            )
            record = self.parent.record(
                cwd=cwd, env=asked, memory=request.memory, vcores=request.vcores
            )
            self._request = replace(request, note=record.dump() if record.server else "")
        arguments["env"] = {}
        return arguments

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> dict[str, Any]:
        """Start the kernel, start its process again, or find it again.

        Returns its connection information when it runs.

        Raises:
            StartError: It did not start, or its start was cancelled by `withdraw`.
        """
        info = None
        scope = self._launch = anyio.CancelScope()
        try:
            with scope:
                info = await self._started()
        except YarnhubError as error:
            raise StartError(words.lines(str(error))) from error
        finally:
            self._launch = None
        if info is None:
            raise StartError(words.WITHDRAWN if self._end_it else words.KEPT)
        self._running = True
        return info

    async def _started(self) -> dict[str, Any]:
        kernel = self.kernel
        if kernel is None:
            kernel = self.kernel = await self._found_or_submitted()
            self._generation = kernel.status.generation
            if kernel.status.state is KernelState.ENDED:  # while no server was running
                self._generation = await kernel.restart()
        else:
            self._generation = await kernel.restart()
        await self._until_running(kernel)
        await self._holding.sockets.listen(kernel)
        return self._connection_info(kernel)

    async def _found_or_submitted(self) -> Kernel:
        if self._request is not None:
            kernel = await (await self._holding.holder()).start(self._request)
            if self._request.note:
                self._holding.keep_note(kernel.id)  # it may have changed meanwhile
            return kernel
        found = await self._holding.find(self.kernel_id, self.parent.tell_problem)
        if found is None:
            raise StartError(words.NOT_FOUND_AGAIN)
        return found

    async def _until_running(self, kernel: Kernel) -> None:
        status = kernel.status
        while True:
            is_latest = status.generation >= self._generation
            if status.state is KernelState.RUNNING and is_latest:
                return
            ended = status.state is KernelState.ENDED and is_latest
            if ended or status.state is KernelState.DEAD:
                raise StartError(words.ended(status))
            status = await kernel.changed(status)

    def _connection_info(self, kernel: Kernel) -> dict[str, Any]:
        self.connection_info = {
            "transport": "ipc",
            "ip": self._holding.sockets.prefix(kernel.id),
            **{name: channel.value for name, channel in _PORTS.items()},
            "key": kernel.key.encode(),
            "signature_scheme": "hmac-sha256",
            "kernel_name": self.parent.kernel_name,
        }
        return self.connection_info

    @property
    def _holding(self) -> Holding:
        holding: Holding | None = getattr(self.parent, "holding", None)
        if holding is None:
            raise StartError(words.lines(words.NOT_OURS))
        return holding

    # --- the process

    @property
    def has_process(self) -> bool:
        """Whether `wait` has not returned since the last start."""
        return self._running

    async def poll(self) -> int | None:
        """The exit code of the process; None while it runs."""
        status = self.status
        if status is None:
            return None if self._running else 1
        if status.state is KernelState.DEAD:
            code = status.outcome.exit_code if status.outcome is not None else None
            return code or 1
        if status.state is KernelState.ENDED and status.generation >= self._generation:
            return status.code if status.code is not None else 1
        return None

    async def wait(self) -> int | None:
        """Wait until the process has ended; returns its exit code.

        Cancelling leaves it as it is.
        """
        while self.kernel is not None and (code := await self.poll()) is None:
            await self.kernel.changed(self.kernel.status)
        self._running = False
        return code if self.kernel is not None else None

    async def send_signal(self, signum: int) -> None:
        """Send a signal to the process and its children.

        Raises:
            YarnhubError: The container is not connected, and the kernel is not being shut down.
        """
        if signum == 0 or self.kernel is None or self.is_dead:
            return
        if not self.parent.shutting_down:
            await self.kernel.signal(signum)
        elif self.kernel.status.connected:
            await self._signal_at_end(signum)

    async def kill(self, restart: bool = False) -> None:
        """Kill the process."""
        await self._signal_at_end(signal.SIGKILL)

    async def terminate(self, restart: bool = False) -> None:
        """Ask the process to end."""
        await self._signal_at_end(signal.SIGTERM)

    async def _signal_at_end(self, signum: int) -> None:
        """Send a signal to a process that is not needed any more: `cleanup` ends what remains."""
        if self.kernel is None or self.is_dead:
            return
        try:
            await self.kernel.signal(signum)
        except YarnhubError as error:
            _log.warning("kernel %s does not get signal %d: %s", self.kernel_id, signum, error)

    async def cleanup(self, restart: bool = False) -> None:
        """Begin to end the container, unless the process is started again in it."""
        if restart:
            return
        self._running = False
        if self.kernel is not None:
            self._holding.begin_end(self.kernel_id)

    def get_shutdown_wait_time(self, recommended: float = 5.0) -> float:
        """Seconds for the process to end by itself: none if the request cannot be sent."""
        status = self.status
        reachable = status is not None and status.connected and not self.is_dead
        return recommended if reachable else 0.0
