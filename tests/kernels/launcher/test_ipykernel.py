"""The launcher with a real ipykernel, and a Jupyter client at the other end."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest
from jupyter_client.session import Session

from kernels.launcher.client import client
from kernels.launcher.container import HMAC, launch
from yarnhub.kernels.protocol import Activity

if TYPE_CHECKING:
    from kernels.launcher.container import Container
    from kernels.launcher.end import End


@pytest.mark.parametrize("transport", ["ipc", "tcp"])
async def test_cells_interrupt_and_restart(container: Container, end: End, transport: str) -> None:
    await container.start(launch(transport=transport))
    await end.running()
    async with client(end) as kernel:
        assert await kernel.run("x = 7; print(x)") == "7\n"
        await end.until(lambda report: report.activity is Activity.IDLE)

        request = kernel.client.execute(
            "import time\nprint('begun', flush=True); open('begun', 'w').close()\ntime.sleep(1000)"
        )
        await end.until(lambda report: report.activity is Activity.BUSY)
        await container.until_exists("work/begun")  # it is busy before it runs the code
        await end.order(signal=signal.SIGINT)
        assert await kernel.printed(request) == "begun\nKeyboardInterrupt"

        await end.order(start=2)
        await end.running(2)
        # The same client, whose sockets have connected again.
        assert await kernel.run("print('x' in globals())") == "False\n"


async def test_a_cell_that_runs_while_the_holder_is_away(container: Container, end: End) -> None:
    await container.start(launch())
    await end.running()
    async with client(end) as kernel:
        await kernel.run("x = 7")
        await end.history()
        request = kernel.client.execute(
            "import os, time\nprint('before', flush=True)\n"
            "while not os.path.exists('go'): time.sleep(0.01)\nprint('after', x)"
        )
        while (await kernel.client.get_iopub_msg(timeout=60))["msg_type"] != "stream":
            pass
        await end.doing(Activity.BUSY)
        await end.stop()
        await container.until_says("not connected to")
    (container.folder / "work" / "go").touch()
    await end.serve(end.port)
    await end.doing(Activity.IDLE)

    session = Session(key=HMAC.encode())
    kept = [session.feed_identities(parts)[1] for parts in await end.history()]
    found = map(session.deserialize, kept)
    messages = [each for each in found if each["parent_header"].get("msg_id") == request]
    assert [each["msg_type"] for each in messages] == ["stream", "status"]
    assert messages[0]["content"]["text"] == "after 7\n"
    assert messages[1]["content"]["execution_state"] == "idle"
    assert await end.history() == []
    async with client(end) as kernel:
        assert await kernel.run("print(x)") == "7\n"
