"""Answers what it is sent, and tells the application where it listens."""

import asyncio
import os

import skein


async def echo(reader, writer):
    """Send back all that comes."""
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


async def main():
    """Serve until the container is ended."""
    host = os.environ["NM_HOST"]  # the node's name, which YARN knows it by
    server = await asyncio.start_server(echo, host, 0)
    port = server.sockets[0].getsockname()[1]
    me = skein.properties.container_id
    app = skein.ApplicationClient.from_current()
    # With its owner the key goes: no client finds a server that has ended.
    app.kv.put(f"address.{me}", f"{host}:{port}".encode(), owner=me)
    async with server:
        await server.serve_forever()


asyncio.run(main())
