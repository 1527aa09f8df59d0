"""The Unix socket at which the kernel's process asks the holder for something."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from yarnhub.base.errors import YarnhubError
from yarnhub.kernels.launcher.sockets import REQUESTS
from yarnhub.kernels.launcher.splice import End
from yarnhub.kernels.protocol import MAX_REQUESTS, TOO_MANY, Answer, line

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from yarnhub.base.background import BackgroundTasks


class Requests:
    """Passes each connection to the holder, which reads the request and answers it.

    Args:
        connect: Makes a connection to the holder, for requests.
        tasks: Of the program.
    """

    def __init__(self, connect: Callable[[], Awaitable[End]], tasks: BackgroundTasks) -> None:
        self._connect = connect
        self._tasks = tasks
        self._open = 0

    async def serve(self) -> None:
        """Listen until cancelled, in this process's current folder, which is the container's.

        Raises:
            OSError: The folder is missing, or cannot be written.
        """
        loop = asyncio.get_running_loop()
        # The folder is private, and there since the connection file was written.
        server = await loop.create_unix_server(lambda: _Asker(self._begin), REQUESTS)
        async with server:
            await server.serve_forever()

    def _begin(self, asker: End) -> None:
        _ = self._tasks.start(self._serve(asker), "a request of the kernel")

    async def _serve(self, asker: End) -> None:
        self._open += 1
        try:
            if self._open > MAX_REQUESTS:
                await asker.read_byte()  # else it may fail to send, and not read why
                await asker.write(_failed(TOO_MANY))
                return
            holder = await self._connect()
            try:
                holder.join(asker)
                await asyncio.wait(
                    (asker.closed, holder.closed), return_when=asyncio.FIRST_COMPLETED
                )
            finally:
                holder.abort()
        except (OSError, YarnhubError):
            with contextlib.suppress(OSError):
                await asker.write(_failed("the process that holds this kernel cannot be reached"))
        finally:
            self._open -= 1
            await asker.close()


def _failed(words: str) -> bytes:
    return line(Answer(error=words))


class _Asker(End):
    def __init__(self, begin: Callable[[End], None]) -> None:
        super().__init__()
        self._begin = begin

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._begin(self)
