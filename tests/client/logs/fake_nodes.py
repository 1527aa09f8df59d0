"""Running containers and their logs on nodes; `contract.py` is played on them and on real ones."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from hadoop.http_server import response
from yarn.logs.node_responses import framed
from yarnhub.base.errors import AccessDeniedError
from yarnhub.client.access.settings import Settings
from yarnhub.hadoop.conf import Configuration
from yarnhub.hadoop.ipc.options import RpcOptions
from yarnhub.hadoop.security.users import SimpleUser
from yarnhub.yarn.records.containers import ContainerReport
from yarnhub.yarn.records.ids import ContainerId

if TYPE_CHECKING:
    from collections.abc import Callable

    from yarnhub.yarn.records.ids import ApplicationAttemptId

SETTINGS = Settings(
    configuration=Configuration({}),
    user=SimpleUser("alice"),
    user_name="alice",
    config_folder=Path(),
    cache_folder=Path(),
    language="C",
    options=RpcOptions(),
)
REQUEST = re.compile(
    r"GET /ws/v1/node/containers/(\w+)/logs(?:/([^?]+))?\?user.name=(\w+)(.*) HTTP"
)
UNKNOWN = {
    "exception": "WebApplicationException",
    "message": "org.apache.hadoop.yarn.webapp.NotFoundException: java.lang.Exception: Unknown "
    "container. Container either has not started or has already completed or doesn't belong to "
    "this node at all.",
    "javaClassName": "javax.ws.rs.WebApplicationException",
}
"""As Hadoop 3.4.2 answers."""


@dataclass
class FakeNodes:
    """What a client asks: the ResourceManager, and a node's web server with files.

    Attributes:
        files: By container and name.
        running: The containers that the ResourceManager lists.
        addresses: The node of each container.
        refused: Users to whom the node shows nothing.
        asked: The requests to the node, as container and file.
        arrived: A request has arrived.
        go: Whether the node answers.
        before_reading: Called before a file is answered.
        waiting: The requests that it does not answer.
        cut: A client has closed its connection before the end of the answer.
    """

    files: dict[str, dict[str, bytes]] = field(default_factory=dict)
    running: list[str] = field(default_factory=list)
    addresses: dict[str, str] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    go: asyncio.Event = field(default_factory=asyncio.Event)
    before_reading: Callable[[], None] = lambda: None
    waiting: int = 0
    cut: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.go.set()

    @property
    def resource_manager(self) -> FakeNodes:
        return self

    async def get_containers(self, attempt: ApplicationAttemptId) -> list[ContainerReport]:
        listed = [
            ContainerReport(
                container_id=ContainerId.parse(name),
                node_http_address=f"http://{self.addresses[name]}",
            )
            for name in self.running
        ]
        return [each for each in listed if each.container_id.app_attempt_id == attempt]

    async def connect(self, *_: object, **__: object) -> None:
        raise AccessDeniedError("", "somebody else's")

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        found = REQUEST.match(head)
        assert found, head
        name, quoted, user, size = found.groups()
        file = None if quoted is None else unquote(quoted)
        self.asked.append(f"{name} {file}")
        self.arrived.set()
        self.waiting += 1
        await self.go.wait()
        self.waiting -= 1
        try:
            writer.write(self._answer(name, file, user, size))
            await writer.drain()
        except ConnectionError:
            self.cut.set()

    def _answer(self, name: str, file: str | None, user: str, size: str) -> bytes:
        if user in self.refused:
            message = f"java.lang.Exception: User [{user}] is not authorized to view the logs for x"
            return response(message.encode(), "500 Internal Server Error")
        if name not in self.files:
            answer = json.dumps({"RemoteException": UNKNOWN}).encode()
            return response(answer, "503 Service Unavailable")
        files = self.files[name]
        if file is None:
            entries = [
                {"fileName": each, "fileSize": str(len(data))} for each, data in files.items()
            ]
            listing = {"containerLogsInfo": {"containerLogInfo": entries}}
            return response(json.dumps(listing).encode())
        self.before_reading()
        if file not in files:
            return response(b"HTTP 404 Not Found", "404 Not Found")
        data = files[file]
        tail = int(size.partition("=-")[2] or len(data))
        return response(framed(data[-tail:], len(data)) if data else b"End of LogType:x\n")
