"""TLS connections that wait for days take little memory."""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING, Any

from yarnhub.appmaster.shell.server.listener import release_buffer
from yarnhub.client.access.credentials import Credentials

if TYPE_CHECKING:
    from pathlib import Path


async def test_a_connection_without_its_buffer_reads_on(tmp_path: Path) -> None:
    own = Credentials.generate()
    (tmp_path / "pair").write_bytes(own.certificate + own.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "pair")
    (tmp_path / "pair").unlink()
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    served: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.put_nowait((reader, writer))

    async with await asyncio.start_server(accept, "127.0.0.1", 0, ssl=context) as server:
        port = server.sockets[0].getsockname()[1]
        _, client = await asyncio.open_connection("127.0.0.1", port, ssl=trusting)
        client.write(b"I")
        reader, writer = await served.get()
        assert await reader.readexactly(1) == b"I"
        protocol: Any = writer.transport
        protocol = protocol._ssl_protocol
        before = len(protocol._ssl_buffer)
        release_buffer(writer.transport)
        assert (before, len(protocol._ssl_buffer)) == (256 * 1024, 0)
        for content in (b"x" * 1_000_000, b"y"):
            client.write(content)
            assert await reader.readexactly(len(content)) == content
        for each in (client, writer):
            each.close()
            await each.wait_closed()
    release_buffer(writer.transport)
