"""A client of a server that a test answers for, and the methods that it calls."""

from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from hadoop.server import (
    Peer,
    Server,
)
from yarnhub.base.errors import (
    CallOutcome,
    ConnectionLostError,
)
from yarnhub.base.retry import RetryPolicy
from yarnhub.hadoop.address import Address
from yarnhub.hadoop.codec import proto
from yarnhub.hadoop.ipc.client import RpcClient, RpcOptions
from yarnhub.hadoop.scalars import BYTES, INT32
from yarnhub.hadoop.security.users import SimpleUser, User
from yarnhub.hadoop.wire.method import Method, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable


PROTOCOL = Protocol("org.example.ServicePB")
ALICE = SimpleUser("alice")
STANDBY = "org.apache.hadoop.ipc.StandbyException"
QUICK = RetryPolicy(first_delay=0.001, max_delay=0.002)


@dataclass(frozen=True, slots=True)
class Number:
    n: int = proto(1, INT32)


@dataclass(frozen=True, slots=True)
class Large:
    content: bytes = proto(1, BYTES)


ECHO = Method("echo", Number, Number, idempotent=True)
ONCE = Method("once", Number, Number)


@asynccontextmanager
async def calling(
    *servers: Server | Address, user: User = ALICE, options: RpcOptions | None = None
) -> AsyncIterator[RpcClient]:
    addresses = [each.address if isinstance(each, Server) else each for each in servers]
    async with RpcClient(
        addresses, PROTOCOL, user, options=options or RpcOptions(retry=QUICK, call_timeout=20)
    ) as client:
        yield client


def closed_port() -> Address:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return Address(*listener.getsockname())


async def until(condition: Callable[[], object]) -> None:
    """Let the loop run until a condition holds."""
    async with asyncio.timeout(30):
        while not condition():  # the other side has no event to set
            await asyncio.sleep(0)


async def outcome_of(client: RpcClient, method: Method[Number, Number]) -> CallOutcome:
    with pytest.raises(ConnectionLostError) as caught:
        await client.call(method, Number(1))
    return caught.value.outcome


class Silent(Peer):
    def feed(self, data: bytes) -> bytes:  # it says nothing
        return b""
