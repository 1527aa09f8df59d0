"""Watches kernels: starts a process that ended again, and reports a kernel whose container ended.

A process that has crashed is started again in the same container. What YARN ended, for example for
its memory, is not started again: that would be a kernel without its variables, and the user would
not learn why.
"""

from __future__ import annotations

import logging

from jupyter_client.ioloop.restarter import AsyncIOLoopKernelRestarter
from traitlets import default

from yarnhub.integrations.kernels.provisioner import YarnhubProvisioner

_log = logging.getLogger(__name__)


class ContainerRestarter(AsyncIOLoopKernelRestarter):
    """The restarter of a `ContainerKernel`; kernels of other provisioners behave as usual."""

    is_running = False
    """Whether it acts: not while the kernel is restarted or shut down."""
    _polling = False

    @default("random_ports_until_alive")
    def _default_random_ports_until_alive(self) -> bool:
        return False  # a container's ports never change

    def start(self) -> None:
        """Start to watch."""
        self.is_running = True
        super().start()

    def stop(self) -> None:
        """Stop to watch."""
        self.is_running = False
        super().stop()

    async def poll(self) -> None:
        """Look at the kernel once."""
        provisioner = self.kernel_manager.provisioner
        if not isinstance(provisioner, YarnhubProvisioner):
            await super().poll()
            return
        if self._polling or not self.is_running or self.kernel_manager.shutting_down:
            return
        self._polling = True
        try:
            if provisioner.is_dead:
                self._give_up()
            else:
                await super().poll()
        except Exception:  # noqa: BLE001  # of any provisioner: it would not be watched any more
            _log.exception("kernel %s could not be restarted", self.kernel_manager.kernel_id)
            self._give_up()
        finally:
            self._polling = False

    def _give_up(self) -> None:
        self.stop()
        self._fire_callbacks("dead")
