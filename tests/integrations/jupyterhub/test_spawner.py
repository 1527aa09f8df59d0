"""What happens between JupyterHub and YARN while a server is started."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

import pytest
from traitlets import TraitError

from integrations.jupyterhub.impostor import Impostor
from integrations.jupyterhub.spawning import OneServer, make_spawner
from yarnhub.integrations.jupyterhub.refusals import Refusal
from yarnhub.integrations.jupyterhub.running import Sight

if TYPE_CHECKING:
    from integrations.jupyterhub.spawning import Spawner

ON_THIS_NODE = Sight(node="localhost", container="container_1")


@pytest.fixture
def where() -> OneServer:
    return OneServer()


async def start_and_report(spawner: Spawner, port: int) -> None:
    """Start a server that tells a port."""
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        starting = tasks.create_task(spawner.start())
        await asyncio.sleep(0)
        spawner.report_port(port)
        await starting


async def test_nobody_is_sent_to_another_program(where: OneServer) -> None:
    where.server.seen = ON_THIS_NODE
    impostor = Impostor(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    async with impostor.serving() as port:
        with pytest.raises(ExceptionGroup) as caught:
            await start_and_report(make_spawner(where), port)
    (refusal,) = caught.value.exceptions
    assert isinstance(refusal, Refusal)
    words = f"another program answers at port {port} of localhost"
    assert words in refusal.jupyterhub_message
    assert b"hers" not in impostor.received


async def test_a_server_listens_where_the_hub_reaches_its_node(where: OneServer) -> None:
    spawner = make_spawner(where)
    starting = asyncio.ensure_future(spawner.start())  # noqa: TID251  # cancelled below
    asked = asyncio.ensure_future(spawner.place())  # noqa: TID251
    await asyncio.sleep(0)
    where.server.seen = ON_THIS_NODE
    place = await asked
    starting.cancel()
    found = socket.getaddrinfo("localhost", 0, type=socket.SOCK_STREAM)
    assert place == {"addresses": [each[4][0] for each in found], "first": 0, "last": 0}


@pytest.mark.parametrize(
    ("settings", "place"),
    [
        ({"ip": "0.0.0.0"}, {"addresses": ["0.0.0.0"], "first": 0, "last": 0}),
        ({"ip": "::", "port": 8888}, {"addresses": ["::"], "first": 8888, "last": 8888}),
        (
            {"ip": "10.0.0.1", "port_range": "40000-41000"},
            {"addresses": ["10.0.0.1"], "first": 40000, "last": 41000},
        ),
    ],
)
async def test_or_where_the_administrator_says(
    settings: dict[str, object], place: dict[str, object], where: OneServer
) -> None:
    assert await make_spawner(where, **settings).place() == place


@pytest.mark.parametrize(
    "ports", ["40000", "40000-", "5-4", "0-9", "1-65536", "40000..41000", "1-2-3"]
)
def test_a_range_that_is_none_is_named(ports: str, where: OneServer) -> None:
    with pytest.raises(TraitError, match="port_range has to be two ports such as"):
        make_spawner(where, port_range=ports)
