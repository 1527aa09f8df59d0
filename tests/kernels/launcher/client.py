"""A Jupyter client of a kernel in a container, by way of the test's end."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_client.asynchronous.client import AsyncKernelClient

from kernels.launcher.container import HMAC
from yarnhub.kernels.protocol import SOCKETS, Channel

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from kernels.launcher.end import End


class Client:
    """Runs code in a kernel."""

    def __init__(self, client: Any) -> None:
        self.client = client

    async def run(self, code: str) -> str:
        """What some code prints."""
        return await self.printed(self.client.execute(code))

    async def printed(self, request: str) -> str:
        """What is printed for a request until it is done."""
        found = ""
        while True:
            message = await self.client.get_iopub_msg(timeout=60)
            if message["parent_header"].get("msg_id") != request:
                continue
            if message["msg_type"] == "stream":
                found += message["content"]["text"]
            if message["msg_type"] == "error":
                found += message["content"]["ename"]
            if message["content"].get("execution_state") == "idle":
                return found


@contextlib.asynccontextmanager
async def client(end: End) -> AsyncIterator[Client]:
    """Connect to the kernel, and wait until it responds."""
    folder = Path(tempfile.mkdtemp(prefix="yh-"))  # pytest's folders have long paths
    servers = []
    made: Any = AsyncKernelClient()
    try:
        for channel in SOCKETS:
            accept = _Bridge(end, channel)
            path = folder / f"h-{channel.value}"
            servers.append(await asyncio.start_unix_server(accept, path))
        ports = zip(("shell", "iopub", "stdin", "control", "hb"), range(1, 6), strict=True)
        info = {f"{name}_port": port for name, port in ports}
        made.load_connection_info(
            {
                **info,
                "transport": "ipc",
                "ip": f"{folder}/h",
                "key": HMAC.encode(),
                "signature_scheme": "hmac-sha256",
            }
        )
        made.start_channels(hb=False)
        await made.wait_for_ready(timeout=60)
        yield Client(made)
    finally:
        made.stop_channels()
        for server in servers:
            server.close()
        shutil.rmtree(folder)


class _Bridge:
    def __init__(self, end: End, channel: Channel) -> None:
        self._end = end
        self._channel = channel

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            other_reader, other_writer = await self._end.open(self._channel)
        except TimeoutError:
            writer.transport.abort()
            return
        async with asyncio.TaskGroup() as group:
            group.create_task(_copy(reader, other_writer))
            group.create_task(_copy(other_reader, writer))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(2**18):
            writer.write(data)
            await writer.drain()
    writer.close()
