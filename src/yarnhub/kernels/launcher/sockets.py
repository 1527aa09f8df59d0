"""The sockets of a kernel, and the connection file that tells it where to bind them."""

from __future__ import annotations

import contextlib
import json
import os
import stat
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING

from yarnhub.kernels.protocol import SOCKETS, Channel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from yarnhub.kernels.protocol import Launch

FOLDER = ".kernel"
"""In the container's folder; only its user can enter it."""
FILE = "connection.json"
REQUESTS = f"{FOLDER}/requests"
"""The socket for requests of the kernel, in the container's folder."""
_PREFIX = "s"
_LOOPBACK = "127.0.0.1"
_LISTENS = "0A"
"""The state of a socket in /proc/net/tcp."""
_PORTS = {
    Channel.SHELL: "shell_port",
    Channel.IOPUB: "iopub_port",
    Channel.STDIN: "stdin_port",
    Channel.CONTROL: "control_port",
    Channel.HB: "hb_port",
}
"""The keys in a connection file."""


class Sockets(ABC):
    """Where a kernel binds its five sockets: the same for each of its processes."""

    transport: str
    ip: str

    @property
    @abstractmethod
    def ports(self) -> Mapping[Channel, int]:
        """The ports, or the suffixes of the sockets' names."""

    @abstractmethod
    def prepare(self) -> None:
        """Remove what a process before has left."""

    @abstractmethod
    def bound(self, processes: Callable[[], Iterable[int]]) -> bool:
        """Whether the kernel has bound all of them.

        Args:
            processes: Finds the kernel's.
        """

    @abstractmethod
    def taken(self) -> bool:
        """Whether other programs have one of them, so that the kernel cannot; if so, forget it."""

    @abstractmethod
    def address(self, channel: Channel) -> str | tuple[str, int]:
        """The path of a socket, or its host and port, for this process."""


class UnixSockets(Sockets):
    """Unix sockets in a private folder.

    A container's folder has a longer path than a Unix socket's name may be (107 characters), and
    the kernel may run in another folder: it finds them by this process's current folder.

    Args:
        folder: The container's folder, in which this process runs.
    """

    transport = "ipc"

    def __init__(self, folder: Path) -> None:
        self._folder = folder / FOLDER
        self.ip = for_kernel(f"{FOLDER}/{_PREFIX}")

    @property
    def ports(self) -> Mapping[Channel, int]:
        """See `Sockets.ports`."""
        return {channel: channel.value for channel in SOCKETS}

    def prepare(self) -> None:
        """See `Sockets.prepare`."""
        for channel in SOCKETS:
            (self._folder / f"{_PREFIX}-{channel.value}").unlink(missing_ok=True)

    def bound(self, processes: Callable[[], Iterable[int]]) -> bool:  # noqa: ARG002
        """See `Sockets.bound`: nobody else can."""
        try:
            return all(stat.S_ISSOCK(Path(self.address(each)).stat().st_mode) for each in SOCKETS)
        except OSError:
            return False

    def taken(self) -> bool:
        """Never: the folder is private."""
        return False

    def address(self, channel: Channel) -> str:
        """See `Sockets.address`."""
        return f"{FOLDER}/{_PREFIX}-{channel.value}"


class LoopbackPorts(Sockets):
    """Ports of the node's loopback interface, for kernels that cannot bind Unix sockets."""

    transport = "tcp"
    ip = _LOOPBACK

    def __init__(self) -> None:
        self._ports: dict[Channel, int] = {}

    @property
    def ports(self) -> Mapping[Channel, int]:
        """See `Sockets.ports`."""
        if not self._ports:
            import socket  # not before a kernel starts that does not need it

            with contextlib.ExitStack() as stack:
                bound = {channel: stack.enter_context(socket.socket()) for channel in SOCKETS}
                for each in bound.values():
                    each.bind((_LOOPBACK, 0))
                self._ports = {channel: each.getsockname()[1] for channel, each in bound.items()}
        return self._ports

    def prepare(self) -> None:
        """Nothing is left of a process that has ended."""

    def bound(self, processes: Callable[[], Iterable[int]]) -> bool:
        """See `Sockets.bound`; other programs with one of the ports do not count."""
        listeners = _listeners()
        bound = {listeners.get(port, "") for port in self.ports.values()}
        return "" not in bound and bound <= _open_sockets(processes())

    def taken(self) -> bool:
        """See `Sockets.taken`; call it when the kernel has ended."""
        if _listeners().keys().isdisjoint(self.ports.values()):
            return False
        self._ports = {}
        return True

    def address(self, channel: Channel) -> tuple[str, int]:
        """See `Sockets.address`."""
        return _LOOPBACK, self.ports[channel]


def for_kernel(path: str) -> str:
    """A path in this process's current folder, for a kernel that runs in another one."""
    return f"/proc/{os.getpid()}/cwd/{path}"


def _listeners() -> dict[int, str]:
    """The ports of this node at which programs listen by IPv4, and the inodes of the sockets.

    Source: proc_net_tcp.rst of the Linux kernel's documentation.
    """
    found = {}
    for line in Path("/proc/net/tcp").read_text("ascii").splitlines()[1:]:
        _, local, _, state, _, _, _, _, _, inode, *_ = line.split()
        if state == _LISTENS:
            found[int(local.rpartition(":")[2], 16)] = inode
    return found


def _open_sockets(processes: Iterable[int]) -> set[str]:
    """The inodes of the sockets that processes have open."""
    found = set()
    for pid in processes:
        with contextlib.suppress(OSError):  # it ended meanwhile
            for each in Path(f"/proc/{pid}/fd").iterdir():
                with contextlib.suppress(OSError):
                    kind, _, inode = str(each.readlink()).partition(":")
                    if kind == "socket":
                        found.add(inode.strip("[]"))
    return found


def write_connection_file(folder: Path, launch: Launch, sockets: Sockets) -> Path:
    """Write a kernel's connection file, which only its user can read; returns its path.

    Args:
        folder: The container's.
        launch: The kernel's name and key.
        sockets: Where it binds.

    Raises:
        OSError: It cannot be written.
    """
    path = folder / FOLDER / FILE
    content = {_PORTS[channel]: port for channel, port in sockets.ports.items()} | {
        "transport": sockets.transport,
        "ip": sockets.ip,
        "key": launch.key,
        "signature_scheme": "hmac-sha256",
        "kernel_name": launch.name,
    }
    path.parent.mkdir(mode=0o700, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(content, file)
    return path
