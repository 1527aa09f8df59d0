"""Who may call the control server, by certificate."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import tempfile

import pytest

from appmaster.shell.server.serving import OTHER, PAIR, Answering, connected, serving


async def refused(port: int, context: ssl.SSLContext) -> None:
    """The server closes, and nothing is answered.

    asyncio loses the alert that says why (`SSLProtocol._do_handshake`). Our own client is told
    all the same: a server of another pair has another certificate, which the client refuses.
    """
    with pytest.raises((ssl.SSLError, ConnectionError, asyncio.IncompleteReadError)):
        async with connected(port, context) as client:
            # With TLS 1.3 the client's handshake is done before the server has looked at it.
            client.post("GetSpecification")
            await client.answer()


async def test_another_certificate_is_refused() -> None:
    answering = Answering()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=PAIR.certificate.decode())
    with tempfile.NamedTemporaryFile() as file:
        file.write(OTHER.certificate + OTHER.key)
        file.flush()
        context.load_cert_chain(file.name)
    async with serving(answering) as port:
        await refused(port, context)
    assert answering.requests == []


async def test_no_certificate_is_refused() -> None:
    answering = Answering()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=PAIR.certificate.decode())
    async with serving(answering) as port:
        await refused(port, context)
    assert answering.requests == []


async def test_a_client_refuses_a_server_of_another_certificate() -> None:
    async with serving(Answering()) as port:
        with pytest.raises(ssl.SSLCertVerificationError):
            async with connected(port, OTHER.client_context()):
                pass


async def test_a_connection_without_tls_is_closed() -> None:
    answering = Answering()
    async with serving(answering) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /control/GetSpecification HTTP/1.1\r\nHost: x\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            assert b"HTTP" not in await reader.read()
        writer.close()
    assert answering.requests == []
