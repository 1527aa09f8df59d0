"""The hub looks who answers at a server's port, with real sockets."""

from __future__ import annotations

import contextlib
import ssl
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from certipy import Certipy
from jupyterhub.utils import make_ssl_context
from tornado.httpserver import HTTPServer
from tornado.web import Application

from integrations.jupyterhub.impostor import Impostor
from yarnhub.base.errors import ConnectError
from yarnhub.integrations.jupyterhub.single_user_server import ProofHandler
from yarnhub.sessions.ports import proof, server_check
from yarnhub.sessions.ports.held import ListenOptions, listen
from yarnhub.sessions.ports.proof import ImpostorError
from yarnhub.sessions.ports.server_check import check_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

HERE = ListenOptions(addresses=("127.0.0.1",))
PATH = f"/user/alice/{proof.PATH}"


async def check(port: int, tls: ssl.SSLContext | None = None) -> None:
    await check_server("127.0.0.1", port, prefix="/user/alice/", token="hers", tls=tls)


@contextlib.asynccontextmanager
async def serving(token: str, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A server that has a token; gives its port."""
    held = listen(HERE)
    arguments: Any = {"held": held, "token": token}
    server = HTTPServer(Application([(PATH, ProofHandler, arguments)]), ssl_options=tls)
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
        with pytest.raises(ImpostorError, match="does not have the server's token"):
            await check(port)


WITHOUT_BODY = b"HTTP/1.1 100 \r\n\r\n" * 200_000
LONG = b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n" + b"x" * 2**20


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        b"SSH-2.0-OpenSSH_9\r\n\r\n",
        LONG,
        WITHOUT_BODY,
    ],
    ids=["of its own", "no HTTP", "without end", "only that more follows"],
)
async def test_another_program_is_not_and_learns_no_secret(answer: bytes) -> None:
    impostor = Impostor(answer)
    async with impostor.serving() as port:
        with pytest.raises(ImpostorError, match="does not respond like a server of this hub"):
            await check(port)
    assert impostor.received.startswith(b"GET /user/alice/api/yarnspawner?nonce=")
    assert b"hers" not in impostor.received
    assert not {b"authorization", b"cookie"} & set(impostor.received.lower().split())


async def test_who_hands_on_to_the_server_is_not(alices: int) -> None:
    async with Impostor(server=alices).serving() as port:
        with pytest.raises(ImpostorError, match="listens at a different address"):
            await check(port)


async def test_who_closes_is_nobody_yet() -> None:
    async with Impostor().serving() as port:
        with pytest.raises(ConnectError, match=f"cannot connect to 127.0.0.1:{port}"):
            await check(port)
    with pytest.raises(ConnectError, match="cannot connect"):
        await check(port)


async def test_who_keeps_silent_is_nobody_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_check, "_PATIENCE", 0.1)
    held = listen(HERE)
    with pytest.raises(ConnectError, match="no response"):
        await check(held.number)
    held.close()


# --- internal_ssl


class Certificates:
    """A hub's, as JupyterHub makes them.

    Args:
        folder: Where they are kept.
    """

    def __init__(self, folder: Path) -> None:
        self._maker = Certipy(store_dir=str(folder))
        for authority in ("hub-ca", "notebooks-ca"):
            self._maker.create_ca(authority)
        both = ["hub-ca", "notebooks-ca"]
        self._trusted = self._maker.trust_from_graph(dict.fromkeys(both, both))
        self.of_hub = self._context("hub", "hub-ca", ssl.Purpose.SERVER_AUTH)

    def of_server(self, user: str, address: str = "127.0.0.1") -> ssl.SSLContext:
        return self._context(user, "notebooks-ca", ssl.Purpose.CLIENT_AUTH, address)

    def _context(
        self, name: str, authority: str, purpose: ssl.Purpose, address: str = "127.0.0.1"
    ) -> ssl.SSLContext:
        pair = self._maker.create_signed_pair(name, authority, alt_names=[f"IP:{address}"])
        files, ca = pair["files"], self._trusted[authority]
        made: ssl.SSLContext = make_ssl_context(
            files["key"], files["cert"], cafile=ca, purpose=purpose
        )
        return made


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    return Certificates(tmp_path / "certificates")


async def test_with_certificates_the_users_server_is_accepted(certificates: Certificates) -> None:
    async with serving("hers", certificates.of_server("alice")) as port:
        await check(port, certificates.of_hub)


async def test_the_certificate_of_another_user_is_not_enough(certificates: Certificates) -> None:
    async with serving("bob's", certificates.of_server("bob")) as port:
        with pytest.raises(ImpostorError, match="does not have the server's token"):
            await check(port, certificates.of_hub)


async def test_nor_is_one_that_the_hub_did_not_make(
    certificates: Certificates, tmp_path: Path
) -> None:
    others = Certificates(tmp_path / "others")
    for tls in (others.of_server("alice"), certificates.of_server("alice", "10.0.0.1")):
        async with serving("hers", tls) as port:
            with pytest.raises(ImpostorError, match=r"no certificate of this hub for 127\.0\.0\.1"):
                await check(port, certificates.of_hub)


async def test_with_certificates_nobody_is_asked_without(
    certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_check, "_PATIENCE", 0.3)
    impostor = Impostor(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    async with impostor.serving() as port:
        with pytest.raises((ConnectError, ImpostorError)):
            await check(port, certificates.of_hub)
    assert b"nonce" not in impostor.received
