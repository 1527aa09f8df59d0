"""The hub looks who answers at a server's port, with real sockets."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from tornado.httpserver import HTTPServer
from tornado.web import Application

from integrations.jupyterhub.impostor import Impostor
from yarnhub.base.errors import ConnectError
from yarnhub.integrations.jupyterhub import proof, reaching
from yarnhub.integrations.jupyterhub.listening import Place, listen
from yarnhub.integrations.jupyterhub.proof import ImpostorError
from yarnhub.integrations.jupyterhub.reaching import check_server
from yarnhub.integrations.jupyterhub.server import ProofHandler

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

HERE = Place(addresses=("127.0.0.1",))
PATH = f"/user/alice/{proof.PATH}"


async def check(port: int) -> None:
    await check_server("127.0.0.1", port, prefix="/user/alice/", token="hers", tls=None)


@contextlib.asynccontextmanager
async def serving(token: str) -> AsyncIterator[int]:
    """A server that has a token; gives its port."""
    held = listen(HERE)
    arguments: Any = {"held": held, "token": token}
    server = HTTPServer(Application([(PATH, ProofHandler, arguments)]))
    server.add_sockets(held.sockets)
    try:
        yield held.number
    finally:
        server.stop()
        await server.close_all_connections()


@pytest_asyncio.fixture
async def alices() -> AsyncIterator[int]:
    async with serving("hers") as port:
        yield port


async def test_the_users_server_is_accepted(alices: int) -> None:
    await check(alices)


async def test_a_server_of_another_user_is_not() -> None:
    async with serving("bob's") as port:
        with pytest.raises(ImpostorError, match="does not have the token"):
            await check(port)


LONG = b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n" + b"x" * 2**20


@pytest.mark.parametrize(
    "answer",
    [b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", b"SSH-2.0-OpenSSH_9\r\n\r\n", LONG],
    ids=["of its own", "no HTTP", "without end"],
)
async def test_another_program_is_not_and_learns_no_secret(answer: bytes) -> None:
    impostor = Impostor(answer)
    async with impostor.serving() as port:
        with pytest.raises(ImpostorError, match="does not answer as a server of this hub"):
            await check(port)
    assert impostor.received.startswith(b"GET /user/alice/api/yarnspawner?nonce=")
    assert b"hers" not in impostor.received
    assert not {b"authorization", b"cookie"} & set(impostor.received.lower().split())


async def test_who_hands_on_to_the_server_is_not(alices: int) -> None:
    async with Impostor(server=alices).serving() as port:
        with pytest.raises(ImpostorError, match="not at the address"):
            await check(port)


async def test_who_closes_is_nobody_yet() -> None:
    async with Impostor().serving() as port:
        with pytest.raises(ConnectError, match=f"nobody answers at 127.0.0.1:{port}"):
            await check(port)
    with pytest.raises(ConnectError, match="nobody answers"):
        await check(port)


async def test_who_keeps_silent_is_nobody_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reaching, "_PATIENCE", 0.1)
    held = listen(HERE)
    with pytest.raises(ConnectError, match="no answer"):
        await check(held.number)
    held.close()
