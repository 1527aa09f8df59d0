"""Connections that TCP makes to themselves."""

from __future__ import annotations

import asyncio
import functools
import socket
from typing import Any

import pytest


@pytest.fixture
def own_port(monkeypatch: pytest.MonkeyPatch) -> int:
    """A port without a server; connections to it have it as their own port, too.

    TCP then connects them to themselves, which happens by chance otherwise.
    """
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
    original = asyncio.BaseEventLoop.create_connection

    @functools.wraps(original)
    async def connect(
        loop: asyncio.BaseEventLoop, factory: Any, host: str, to: int, **options: Any
    ) -> Any:
        return await original(loop, factory, host, to, local_addr=("127.0.0.1", port), **options)

    monkeypatch.setattr(asyncio.BaseEventLoop, "create_connection", connect)
    return port
