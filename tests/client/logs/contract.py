"""What a reader of live logs relies on: played on the fake nodes and on real ones."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from yarnhub.client.logs.node import NodeLogs

if TYPE_CHECKING:
    from yarnhub.client.access.settings import Settings
    from yarnhub.yarn.records.ids import ContainerId

LOG = "x.log"
CONTENT = b"one\ntwo\n"


@dataclass
class World:
    """A running container that has written `CONTENT` to `LOG`, and `empty`.

    Attributes:
        manager: The calls of a ResourceManager.
        settings: Of its user.
        container_id: Which container.
    """

    manager: Any  # two classes with `get_containers`
    settings: Settings
    container_id: ContainerId

    async def read(self, address: str, name: str, start: int, known: int) -> bytes:
        found = NodeLogs(self.settings).read(address, self.container_id, name, start, known)
        async with contextlib.aclosing(found) as parts:
            return b"".join([part async for part in parts])


async def address_of(world: World) -> str:
    (found,) = await world.manager.get_containers(world.container_id.app_attempt_id)
    assert found.container_id == world.container_id
    address: str = found.node_http_address
    return address.partition("://")[2]


class Contract:
    """The tests; a subclass has a fixture `world`."""

    async def test_a_running_container_s_files_are_listed_on_its_node(self, world: World) -> None:
        sizes = await NodeLogs(world.settings).list(await address_of(world), world.container_id)
        assert sizes is not None
        assert (sizes[LOG], sizes["empty"]) == (len(CONTENT), 0)

    async def test_a_file_is_read_from_each_byte_on(self, world: World) -> None:
        address = await address_of(world)
        for start in range(len(CONTENT) + 1):
            assert await world.read(address, LOG, start, len(CONTENT)) == CONTENT[start:]
        assert await world.read(address, "empty", 0, 0) == b""

    async def test_an_unknown_container_or_file_has_no_content(self, world: World) -> None:
        address = await address_of(world)
        assert await world.read(address, "unknown", 0, 9) == b""
        other = replace(world.container_id, id=world.container_id.id + 7)
        found = await NodeLogs(world.settings).list(address, other)
        assert found in (None, {}), "of an application that the node knows, the list is empty"
