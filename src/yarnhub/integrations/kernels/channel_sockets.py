"""Unix sockets at which a kernel's channels are offered to ZeroMQ in this process.

Each connection is joined with one that `Kernel.open` returns. Only this user can reach them: the
folder has mode 0700.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import os
import shutil
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from yarnhub.base.background import BackgroundTasks
from yarnhub.base.errors import LocalProtocolError, YarnhubError
from yarnhub.base.tasks import task_group
from yarnhub.kernels.protocol import SOCKETS, Channel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from yarnhub.kernels.kernel import Kernel

_MAX_FOLDER = 107 - len("/00000000-0000-0000-0000-000000000000-5")
"""Bytes of the folder's path: a Unix socket's has at most 107, see unix(7)."""
_CHUNK = 256 * 1024
_log = logging.getLogger(__name__)


class ChannelSockets:
    """The sockets of all kernels of a server.

    Args:
        folder: A folder for them, emptied if it exists; a temporary one is used if its path is too
            long for sockets.

    Attributes:
        interrupted: Called with a kernel, and the generation of its process, when a connection to
            its output ends and its client stays.

    Raises:
        OSError: The folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        if len(os.fsencode(folder)) > _MAX_FOLDER:
            folder = Path(tempfile.mkdtemp(prefix="yarnhub-"))
        else:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(mode=0o700)
        self._folder = folder
        self.interrupted: Callable[[Kernel, int], None] = lambda _, __: None
        self._servers: dict[str, list[asyncio.Server]] = {}
        self._listeners: Counter[str] = Counter()
        self._shells: Counter[tuple[str, int]] = Counter()
        """Connections to the shell channels of kernels, and of which of their processes."""
        self._news = asyncio.Event()
        self._connections = BackgroundTasks()

    def prefix(self, kernel_id: str) -> str:
        """The path of a kernel's sockets without `-1` to `-5`: `ip` in its connection file."""
        return str(self._folder / kernel_id)

    async def listen(self, kernel: Kernel) -> None:
        """Listen at a kernel's sockets; nothing if that is the case.

        Raises:
            OSError: It is not possible, for example because the disk is full.
        """
        paths = self._paths(kernel.id)
        if kernel.id in self._servers and all(path.is_socket() for path in paths.values()):
            return
        self.close(kernel.id)
        servers = self._servers[kernel.id] = []
        try:
            for channel, path in paths.items():
                path.unlink(missing_ok=True)
                accept = functools.partial(self._accepted, kernel, channel)
                servers.append(await asyncio.start_unix_server(accept, path, limit=_CHUNK))
        except BaseException:
            self.close(kernel.id)
            raise

    def close(self, kernel_id: str) -> None:
        """Stop listening; connections end with the kernel's."""
        for server in self._servers.pop(kernel_id, ()):
            server.close()
        self._notify()
        for path in self._paths(kernel_id).values():
            path.unlink(missing_ok=True)

    def listeners(self, kernel_id: str) -> int:
        """The number of connections to a kernel's output."""
        return self._listeners[kernel_id]

    def generation(self, kernel: Kernel) -> int:
        """Of the process that what a client sends goes to.

        A kernel's status may tell of the next process while the connections to the one before have
        not ended.
        """
        found = [generation for kernel_id, generation in self._shells if kernel_id == kernel.id]
        return min(found, default=kernel.status.generation)

    async def listening(self, kernel_id: str, number: Callable[[], int]) -> bool:
        """Wait for connections to a kernel's output; false if its sockets are closed.

        Args:
            kernel_id: The kernel's id.
            number: Returns how many, each time that there are more or fewer.
        """
        while kernel_id in self._servers and self._listeners[kernel_id] < number():
            await self._news.wait()
        return kernel_id in self._servers

    def _notify(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()

    async def aclose(self) -> None:
        """Close all connections, and delete the folder."""
        for kernel_id in list(self._servers):
            self.close(kernel_id)
        await self._connections.aclose()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _paths(self, kernel_id: str) -> dict[Channel, Path]:
        prefix = self.prefix(kernel_id)
        return {channel: Path(f"{prefix}-{channel.value}") for channel in SOCKETS}

    def _accepted(
        self,
        kernel: Kernel,
        channel: Channel,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        work = self._join(kernel, channel, reader, writer)
        try:
            name = f"{channel.name.lower()} of kernel {kernel.id}"
            task = self._connections.start(work, name=name)
        except LocalProtocolError:  # all are being closed
            writer.close()
        else:
            task.add_done_callback(lambda _: writer.close())  # also if it never began

    async def _join(
        self,
        kernel: Kernel,
        channel: Channel,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        try:
            far_reader, far_writer = await kernel.open(channel)
        except YarnhubError as error:
            # ZeroMQ connects again.
            _log.debug("kernel %s: no %s channel: %s", kernel.id, channel.name, error)
            return
        generation = kernel.status.generation
        async with task_group() as group:
            with contextlib.closing(far_writer), self._counted(kernel, channel, generation):
                group.create_task(_copy(reader, far_writer))
                await _copy(far_reader, writer)
            if channel is Channel.IOPUB and not reader.at_eof():  # the client stays
                self.interrupted(kernel, generation)

    @contextlib.contextmanager
    def _counted(self, kernel: Kernel, channel: Channel, generation: int) -> Iterator[None]:
        listens = Counter({kernel.id: 1} if channel is Channel.IOPUB else ())
        shells = Counter({(kernel.id, generation): 1} if channel is Channel.SHELL else ())
        self._listeners += listens
        self._shells += shells
        self._notify()
        try:
            yield
        finally:
            self._listeners -= listens
            self._shells -= shells
            self._notify()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy until one of the connections ends, then close the other."""
    try:
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()
    except OSError as error:
        _log.debug("a channel has ended: %s", error)
    finally:
        writer.close()
