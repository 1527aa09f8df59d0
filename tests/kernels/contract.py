"""What every `KernelHolder` does, as tests of any of them.

A subclass of `HolderContract` has the fixtures `holder`, which is entered, and `python`, a Python
with ipykernel that the containers can run.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from kernels.joined import joined
from yarnhub.base.errors import YarnhubError
from yarnhub.kernels.kernel import KernelState
from yarnhub.kernels.protocol import Channel
from yarnhub.kernels.request import KernelRequest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from yarnhub.kernels.kernel import Kernel, KernelHolder, KernelStatus

PATIENCE = 90.0
MEMORY = 400 * 2**20


def kernel_request(python: Path | str, **changes: Any) -> KernelRequest:
    """A request for an IPython kernel."""
    defaults: dict[str, Any] = {
        "id": str(uuid.uuid4()),
        "owner": "alice",
        "user": "alice",
        "name": "python3",
        "argv": (str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"),
        "memory": MEMORY,
        "python": str(python),
    }
    return KernelRequest(**(defaults | changes))


async def until(kernel: Kernel, condition: Callable[[KernelStatus], object]) -> KernelStatus:
    """Wait until a kernel's status fulfills a condition."""
    status = kernel.status
    try:
        async with asyncio.timeout(PATIENCE):
            while not condition(status):
                status = await kernel.changed(status)
    except TimeoutError as error:
        raise AssertionError(f"still {status}") from error
    return status


async def running(kernel: Kernel, generation: int = 1) -> KernelStatus:
    """Wait until a process of a kernel runs."""
    return await until(
        kernel,
        lambda status: (
            status.generation == generation
            and status.state is KernelState.RUNNING
            and status.connected
            and status.node
        ),
    )


async def ended(kernel: Kernel) -> KernelStatus:
    return await until(kernel, lambda status: status.state is KernelState.ENDED)


async def dead(kernel: Kernel) -> KernelStatus:
    return await until(kernel, lambda status: status.state is KernelState.DEAD)


async def until_printed(client: Any, request: str, text: str) -> None:
    """Wait until a cell has printed a text."""
    while True:
        message = await client.get_iopub_msg(timeout=60)
        if message["parent_header"].get("msg_id") == request and (
            message["content"].get("text") == text
        ):
            return


async def kept_output(kernel: Kernel, end: str) -> str:
    """What a kernel prints, up to a text, while nobody listens."""
    printed = ""
    async with asyncio.timeout(PATIENCE):
        while end not in printed:
            messages = [
                json.loads(part) if part.startswith(b"{") else {}
                for parts in await kernel.history()
                for part in parts
            ]
            printed += "".join(str(each.get("text", "")) for each in messages)
    return printed


class HolderContract:
    """The tests."""

    async def test_from_the_start_to_the_end(self, holder: KernelHolder, python: Path) -> None:
        kernel = await holder.start(kernel_request(python, env={"GREETING": "good 'day'"}))
        assert kernel.id == kernel.request.id
        assert kernel.application_id.startswith("application_")
        assert holder.find(kernel.id) is kernel
        assert list(holder.kernels()) == [kernel]
        status = await running(kernel)
        assert (status.code, status.error, status.outcome) == (None, "", None)
        async with joined(kernel) as client, joined(kernel) as other:
            assert await client.run("import os; x = 1; print(os.environ['GREETING'])") == (
                "good 'day'\n"
            )
            assert await other.run("print(x)") == "1\n"
        holder_state = await self.stop(kernel)
        assert holder_state.outcome is not None
        await kernel.stop()  # nothing more to stop
        for call in (kernel.open(Channel.SHELL), kernel.restart(), kernel.history()):
            with pytest.raises(YarnhubError, match="dead"):
                await call
        await kernel.signal(signal.SIGINT)
        assert list(holder.kernels()) == [kernel]
        holder.forget(kernel.id)
        assert holder.find(kernel.id) is None
        assert list(holder.kernels()) == []

    async def stop(self, kernel: Kernel) -> KernelStatus:
        async with asyncio.timeout(PATIENCE):
            await kernel.stop()
        assert kernel.status.state is KernelState.DEAD
        return kernel.status

    async def test_signals_and_restarts(self, holder: KernelHolder, python: Path) -> None:
        kernel = await holder.start(kernel_request(python))
        await running(kernel)
        application = kernel.application_id
        async with joined(kernel) as client:
            busy = client.client.execute("x = 1\nprint('go')\nimport time; time.sleep(100)")
            await until_printed(client.client, busy, "go\n")
            await kernel.signal(signal.SIGINT)
            assert "KeyboardInterrupt" in await client.printed(busy)
            assert await client.run("print(x)") == "1\n"
            # In place: the same connections go on, the variables are gone.
            assert await kernel.restart() == 2
            await running(kernel, 2)
            assert kernel.application_id == application
            await client.client.wait_for_ready(timeout=60)
            assert "NameError" in await client.run("print(x)")
            # Its process ends by itself: it is not dead.
            client.client.execute("import os; os._exit(7)")
            status = await ended(kernel)
            assert (status.code, status.generation) == (7, 2)
            await kernel.signal(signal.SIGINT)  # to nobody
            assert await kernel.restart() == 3
            status = await running(kernel, 3)
            assert status.code is None
        async with joined(kernel) as client:
            client.client.execute("import os; os.kill(os.getpid(), 9)")
            assert (await ended(kernel)).code == -signal.SIGKILL
        async with asyncio.timeout(PATIENCE):
            await kernel.stop(now=True)
        assert kernel.status.state is KernelState.DEAD

    async def test_what_was_printed_while_nobody_listened(
        self, holder: KernelHolder, python: Path
    ) -> None:
        kernel = await holder.start(kernel_request(python))
        await running(kernel)
        code = "import time\nfor n in range(20):\n    print(n, flush=True); time.sleep(0.1)"
        async with joined(kernel) as client:
            request = client.client.execute(code)
            await until_printed(client.client, request, "0\n")
        printed = await kept_output(kernel, "19\n")
        assert all(f"{n}\n" in printed for n in range(10, 20))
        await self.stop(kernel)

    async def test_a_kernel_that_cannot_be_started(
        self, holder: KernelHolder, python: Path
    ) -> None:
        kernel = await holder.start(kernel_request(python, argv=("/no/such/kernel",)))
        status = await ended(kernel)
        assert "No such file" in status.error
        await self.stop(kernel)

    async def test_an_id_is_used_once(self, holder: KernelHolder, python: Path) -> None:
        request = kernel_request(python)
        kernel = await holder.start(request)
        with pytest.raises(YarnhubError, match=request.id):
            await holder.start(request)
        for wrong in ("", "../../etc/passwd", request.id.upper(), f"{request.id}\n"):
            with pytest.raises(YarnhubError, match="UUID"):
                await holder.start(kernel_request(python, id=wrong))
        assert list(holder.kernels()) == [kernel]
        await self.stop(kernel)

    async def test_a_start_that_is_cancelled_leaves_nothing(
        self, holder: KernelHolder, python: Path
    ) -> None:
        async with asyncio.TaskGroup() as group:
            for turns in (0, 1, 20, 200):
                task = group.create_task(holder.start(kernel_request(python)))
                for _ in range(turns):
                    await asyncio.sleep(0)
                if not task.done():
                    task.cancel()
                    with contextlib.suppress(asyncio.CancelledError):
                        await task
                else:
                    await task.result().stop(now=True)
                    holder.forget(task.result().id)
        assert list(holder.kernels()) == []
