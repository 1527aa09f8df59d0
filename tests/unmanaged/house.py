"""Two applications behind one port, and who tries to reach them."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import tempfile
from typing import Any

import pytest

from yarnhub.appmaster.core.budgets import Budgets
from yarnhub.appmaster.shell.server.clients import ApplicationClients
from yarnhub.base.errors import AccessDeniedError, ConnectError, ConnectionLostError, YarnhubError
from yarnhub.client.access.credentials import Credentials
from yarnhub.client.application.client import ApplicationClient
from yarnhub.control.bootstrap import server_name
from yarnhub.control.messages import Request, Specification
from yarnhub.unmanaged.admission import SharedAdmission

A, B, NOBODY = "application_1_0001", "application_1_0002", "application_1_0003"


class ServedApplication:
    def __init__(self, name: str) -> None:
        self.name = name
        self.credentials = Credentials.generate()
        self.pair = self.credentials.certificate, self.credentials.key
        self.requests: list[Request[Any]] = []
        self.clients = ApplicationClients(self.ask, Budgets(connections=2, streams=2))

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


ASK = b"POST /control/GetSpecification HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"


async def exchange(
    house: House,
    context: ssl.SSLContext,
    name: str | None,
    session: ssl.SSLSession | None = None,
    ask: bytes = ASK,
) -> tuple[bytes, ssl.SSLSession | None]:
    """Ask, by default for the specification; returns what came up to a `}`, and the session."""
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
        tls.write(ask)
        answer = b""
        while not answer.endswith(b"}"):
            read = await until_done(lambda: tls.read(65536))
            if not read:
                raise ConnectionError
            answer += read
        return answer, tls.session
    finally:
        writer.transport.abort()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
