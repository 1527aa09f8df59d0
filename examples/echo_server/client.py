"""Send a message to each echo server of an application: client.py APPLICATION_ID MESSAGE."""

import asyncio
import sys

import skein


async def ask(address, message):
    """What a server makes of a message."""
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(message.encode())
    writer.write_eof()
    answer = await reader.read()
    writer.close()
    return answer.decode()


def main():
    """Ask one server after the other."""
    app_id, message = sys.argv[1:]
    with skein.Client() as client, client.connect(app_id) as app:
        servers = app.get_containers(["server"])
        addresses = [app.kv.wait(f"address.{server.id}").decode() for server in servers]
    for server, address in zip(servers, addresses, strict=True):
        print(f"{server.id} says: {asyncio.run(ask(address, message))}")


main()
