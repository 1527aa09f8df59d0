"""A ResourceManager that takes long to answer, for `kernels.py`."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import time
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

ENDPOINTS = ("yarn.resourcemanager.address", "yarn.resourcemanager.scheduler.address")


class Slow:
    """Passes connections on to a server, whose answers it holds back.

    Args:
        target: The server's host and port.
        delay: Seconds.
    """

    def __init__(self, target: tuple[str, int], delay: float) -> None:
        self._target = target
        self._delay = delay

    @contextlib.asynccontextmanager
    async def listening(self):
        """Serve for as long as the block runs; yields the port."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, away = await asyncio.open_connection(*self._target)
        held: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        with contextlib.suppress(ConnectionError), contextlib.closing(writer):
            async with asyncio.TaskGroup() as group:
                group.create_task(self._copy(reader, away))
                group.create_task(self._hold(there, held))
                group.create_task(self._release(held, writer))

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()

    async def _hold(self, reader: asyncio.StreamReader, held: asyncio.Queue) -> None:
        data = b" "
        while data:
            data = await reader.read(65536)
            held.put_nowait((time.monotonic() + self._delay, data))

    async def _release(self, held: asyncio.Queue, writer: asyncio.StreamWriter) -> None:
        while True:
            when, data = await held.get()
            await asyncio.sleep(when - time.monotonic())
            if not data:
                return
            writer.write(data)


@contextlib.asynccontextmanager
async def slow_resource_manager(env: Mapping[str, str], folder: Path, delay: float):
    """A cluster's environment in which the ResourceManager takes this long for each answer."""
    conf = folder / "conf"
    shutil.copytree(env["HADOOP_CONF_DIR"], conf)
    site = ET.parse(conf / "yarn-site.xml")
    async with contextlib.AsyncExitStack() as stack:
        for each in site.getroot().iter("property"):
            if each.findtext("name") in ENDPOINTS:
                value = each.find("value")
                host, _, port = value.text.rpartition(":")
                slow = Slow((host, int(port)), delay)
                value.text = f"127.0.0.1:{await stack.enter_async_context(slow.listening())}"
        site.write(conf / "yarn-site.xml")
        yield {**env, "HADOOP_CONF_DIR": str(conf), "YARN_CONF_DIR": str(conf)}
