"""The launcher with a real ipykernel, and a Jupyter client at the other end."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from kernels.launcher.client import client
from kernels.launcher.container import launch
from yarnhub.kernels.protocol import Activity

if TYPE_CHECKING:
    from kernels.launcher.container import Container
    from kernels.launcher.end import End


async def test_cells_interrupt_and_restart(container: Container, end: End) -> None:
    await container.start(launch())
    await end.running()
    async with client(end) as kernel:
        assert await kernel.run("x = 7; print(x)") == "7\n"
        await end.until(lambda report: report.activity is Activity.IDLE)

        request = kernel.client.execute("import time\nprint('begun', flush=True); time.sleep(1000)")
        await end.until(lambda report: report.activity is Activity.BUSY)
        await end.order(signal=signal.SIGINT)
        assert await kernel.printed(request) == "begun\nKeyboardInterrupt"

        await end.order(start=2)
        await end.running(2)
        # The same client, whose sockets have connected again.
        assert await kernel.run("print('x' in globals())") == "False\n"
