"""One port for many applications, over real TLS on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import ssl
import tempfile
import weakref
from typing import TYPE_CHECKING, Any

import pytest

from yarnhub.appmaster.core.budgets import Budgets
from yarnhub.appmaster.shell.server.admission import admit
from yarnhub.appmaster.shell.server.clients import ApplicationClients
from yarnhub.appmaster.shell.server.control import serve
from yarnhub.base.errors import AccessDeniedError, ConnectError, ConnectionLostError, YarnhubError
from yarnhub.client.access.credentials import Credentials
from yarnhub.client.application.client import ApplicationClient
from yarnhub.control.bootstrap import server_name
from yarnhub.control.messages import GetSpecification, Request, Specification
from yarnhub.unmanaged import admission as module
from yarnhub.unmanaged.admission import SharedAdmission

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

A, B, NOBODY = "application_1_0001", "application_1_0002", "application_1_0003"


class ServedApplication:
    def __init__(self, name: str) -> None:
        self.name = name
        self.credentials = Credentials.generate()
        self.pair = self.credentials.certificate, self.credentials.key
        self.requests: list[Request[Any]] = []
        self.clients = ApplicationClients(self.ask, Budgets(connections=2))

    async def ask(self, request: Request[Any]) -> Any:
        self.requests.append(request)
        return Specification(document=self.name)


class House:
    """Two applications behind one port."""

    def __init__(self) -> None:
        self.a, self.b = ServedApplication(A), ServedApplication(B)
        self.residents = {server_name(A): self.a, server_name(B): self.b}
        self.admission = SharedAdmission(self.residents.get)  # all others get None
        self.port = 0

    def client(self, application_id: str, credentials: Credentials) -> ApplicationClient:
        return ApplicationClient(application_id, f"127.0.0.1:{self.port}", credentials)

    async def refusal(self, application_id: str, credentials: Credentials) -> YarnhubError:
        async with self.client(application_id, credentials) as client:
            with pytest.raises((AccessDeniedError, ConnectError, ConnectionLostError)) as caught:
                await client.get_specification()
        return caught.value


@pytest.fixture
async def house() -> AsyncIterator[House]:
    house = House()
    async with asyncio.timeout(20), serve(house.admission, "127.0.0.1") as house.port:
        yield house


async def test_each_holder_of_a_key_reaches_its_own_application(house: House) -> None:
    async with house.client(A, house.a.credentials) as a, house.client(B, house.b.credentials) as b:
        assert await a.get_specification() == A
        assert await b.get_specification() == B
        assert await a.get_specification() == A
    assert house.a.requests == [GetSpecification()] * 2


async def test_nobody_reaches_an_application_with_the_key_of_another(house: House) -> None:
    assert isinstance(await house.refusal(B, house.a.credentials), AccessDeniedError)
    assert isinstance(await house.refusal(A, house.b.credentials), AccessDeniedError)
    assert isinstance(await house.refusal(A, Credentials.generate()), AccessDeniedError)
    assert house.a.requests == house.b.requests == []


async def test_an_application_that_is_not_here_is_refused(house: House) -> None:
    assert isinstance(await house.refusal(NOBODY, house.a.credentials), ConnectError)


# --- somebody who holds the key of A and does all that TLS lets him do to reach B


def thief(house: House, version: ssl.TLSVersion) -> ssl.SSLContext:
    """Shows the key of A, and believes B."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.maximum_version = version
    for application in (house.a, house.b):
        context.load_verify_locations(cadata=application.credentials.certificate.decode())
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"\n".join(house.a.pair))
        file.flush()
        context.load_cert_chain(file.name)
    return context


async def exchange(
    house: House, context: ssl.SSLContext, name: str | None, session: ssl.SSLSession | None = None
) -> tuple[bytes, ssl.SSLSession | None]:
    """Ask for the specification; returns what came, and the session."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname=name, session=session)
    reader, writer = await asyncio.open_connection("127.0.0.1", house.port)

    async def until_done(step: Any) -> Any:
        while True:
            try:
                return step()
            except ssl.SSLWantReadError:
                writer.write(outgoing.read())
                data = await reader.read(65536)
                if not data:
                    raise ConnectionError from None
                incoming.write(data)

    try:
        await until_done(tls.do_handshake)
        body = b"POST /control/GetSpecification HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"
        tls.write(body)
        answer = b""
        while not answer.endswith(b"}"):
            answer += await until_done(lambda: tls.read(65536))
        return answer, tls.session
    finally:
        writer.transport.abort()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


@pytest.mark.parametrize("version", VERSIONS, ids=lambda each: each.name)
async def test_the_key_of_one_opens_no_other(house: House, version: ssl.TLSVersion) -> None:
    context = thief(house, version)
    answer, _ = await exchange(house, context, server_name(A))
    assert A.encode() in answer
    for name in (server_name(B), server_name(NOBODY), "skein-internal", None):
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await exchange(house, context, name)
    assert house.b.requests == []


@pytest.mark.parametrize("version", VERSIONS, ids=lambda each: each.name)
async def test_a_session_with_one_is_not_resumed_with_another(
    house: House, version: ssl.TLSVersion
) -> None:
    # A admission that does hand out sessions: OpenSSL resumes them for whatever name is asked for.
    house.admission.context.options &= ~ssl.OP_NO_TICKET
    house.admission.context.num_tickets = 2
    context = thief(house, version)
    answer, session = await exchange(house, context, server_name(A))
    assert A.encode() in answer
    assert session is not None
    with contextlib.suppress(ssl.SSLError, ConnectionError):
        answer, _ = await exchange(house, context, server_name(B), session)
        assert A.encode() in answer, "up to TLS 1.2 a session keeps the name it began with"
    assert house.b.requests == []


async def test_no_key_stays_on_the_disk(
    house: House, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    async with house.client(A, house.a.credentials) as client:
        await client.get_specification()
    assert list(tmp_path.iterdir()) == []


# --- what many connections cost


async def test_a_context_is_made_once_for_an_application_and_ends_with_it(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[bytes] = []

    def counted(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
        made.append(certificate)
        admit(context, certificate, key)

    monkeypatch.setattr(module, "admit", counted)
    for _ in range(3):
        async with house.client(A, house.a.credentials) as client:
            assert await client.get_specification() == A
    assert made == [house.a.pair[0]]
    gone = weakref.ref(house.a)
    house.residents.clear()
    house.a = house.b
    while gone() is not None:  # until its connections' end has been seen
        await asyncio.sleep(0.01)
        gc.collect()


async def test_one_applications_connections_are_not_anothers(house: House) -> None:
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(2):  # as many as it may have
            client = await stack.enter_async_context(house.client(A, house.a.credentials))
            assert await client.get_specification() == A
        assert isinstance(await house.refusal(A, house.a.credentials), YarnhubError)
        async with house.client(B, house.b.credentials) as other:
            assert await other.get_specification() == B
