"""The owners of loopback connections: every user of a machine can connect to a loopback port."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

_SOCKETS = Path("/proc/net/tcp")
"""One line for each: number, local address, remote address, state, queues, timers, retries, uid."""
_LOCAL, _REMOTE, _UID = 1, 2, 7


def is_own(client: tuple[str, int], server: tuple[str, int]) -> bool:
    """Whether a client's end of a connection belongs to this process's user; blocks for a moment.

    On systems that do not show it, such as macOS, the result is True.

    Args:
        client: Its IPv4 address and port.
        server: The address and port of the other end.
    """
    wanted = [_written(client), _written(server)]
    try:
        lines = _SOCKETS.read_text().splitlines()[1:]
    except OSError:
        return True
    found = (line.split() for line in lines)
    return any(
        [each[_LOCAL], each[_REMOTE]] == wanted and int(each[_UID]) == os.geteuid()
        for each in found
    )


def _written(address: tuple[str, int]) -> str:
    number = int.from_bytes(socket.inet_aton(address[0]), sys.byteorder)
    return f"{number:08X}:{address[1]:04X}"
