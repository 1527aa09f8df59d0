"""The token agent beside a script, started as a NodeManager does, against a whole application."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import io
import os
import signal
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from appmaster.bootstrap import APPLICATION, HDFS
from appmaster.core.scenario import application, service
from appmaster.shell.server.serving import PAIR, own_admission
from appmaster.shell.world import World
from full_disk import files_end_at
from yarn.launcher import write_script
from yarnhub.appmaster.core.contexts import ContextBuilder
from yarnhub.appmaster.shell.agent_program import token_agent
from yarnhub.appmaster.shell.server import listener
from yarnhub.appmaster.shell.server.control import serve
from yarnhub.appmaster.token_agent import LOG, Agent
from yarnhub.control import environment
from yarnhub.control.bootstrap import CERTIFICATE, KEY, RESOURCE_MANAGERS
from yarnhub.control.messages import Request, Shutdown, UpdateTokens
from yarnhub.hadoop.wire.tokens import Token, TokenStorage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

NEW = Token(b"new", b"secret", HDFS.kind, HDFS.service)
NEWEST = Token(b"newest", b"secret", HDFS.kind, HDFS.service)


@functools.cache
def quick_agent() -> bytes:
    """The agent as it is shipped, but that it looks more often whether the script still runs."""
    with zipfile.ZipFile(io.BytesIO(token_agent())) as shipped:
        outer = {name: shipped.read(name) for name in shipped.namelist()}
    with zipfile.ZipFile(io.BytesIO(outer["modules.zip"])) as shipped:
        inner = {name: shipped.read(name) for name in shipped.namelist()}
    name = "yarnhub/appmaster/token_agent.py"
    assert inner[name].count(b"\n_POLL_PAUSE = 1.0\n") == 1
    inner[name] = inner[name].replace(b"\n_POLL_PAUSE = 1.0\n", b"\n_POLL_PAUSE = 0.02\n")
    return zipped({**outer, "modules.zip": zipped(inner)})


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


class Node:
    """A container of a world's application in a folder, and the world."""

    def __init__(self, folder: Path, world: World) -> None:
        self.folder, self.world = folder, world
        self.file = folder / "container_tokens"
        self.log = folder / "logs" / "tokens.log"
        self.contexts = self.contexts_at("am:1")
        self.asked = asyncio.Event()
        self.answered = asyncio.Event()

    async def answer(self, request: Request[Any]) -> object:
        """Answer what the agent asks, and nobody else asks in this way."""
        self.asked.set()
        try:
            return await self.world.runner.ask(request)
        finally:
            self.answered.set()

    def contexts_at(self, address: str) -> ContextBuilder:
        """What containers are made of whose ApplicationMaster is at an address."""
        secrets = {CERTIFICATE: PAIR.certificate, KEY: PAIR.key, RESOURCE_MANAGERS: b"rm:8032"}
        own = TokenStorage({HDFS.service: HDFS}, secrets)
        return ContextBuilder(APPLICATION, address, own, quick_agent())

    async def start(self, script: str, path: str | None = None) -> asyncio.subprocess.Process:
        """Start the container."""
        made = self.contexts.build("a", service(script=script), 0, {})
        self.file.write_bytes(made.tokens or b"")
        environment = {
            **made.environment,
            "HADOOP_TOKEN_FILE_LOCATION": str(self.file),
            "LOG_DIRS": f"{self.folder}/logs,/elsewhere",
        }
        if path is not None:
            environment["PATH"] = path
        return await asyncio.create_subprocess_exec(
            "/bin/bash",
            str(write_script(self.folder, environment, made.command)),
            cwd=self.folder,
            env={"PATH": "/usr/local/bin:/usr/bin:/bin"},
            start_new_session=True,
        )

    async def update(self, token: Token) -> None:
        """Do as whoever keeps the tokens."""
        given = TokenStorage({token.service: token}).write()
        await self.world.runner.ask(UpdateTokens(tokens=given))

    def token(self) -> bytes:
        return TokenStorage.read(self.file.read_bytes()).tokens[HDFS.service].identifier


@pytest.fixture
async def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Node]:
    monkeypatch.setattr(listener, "_DRAIN_TIMEOUT", 0.01)  # an agent that was killed still asks
    world = World(application("run", a=service()))
    made = Node(tmp_path, world)
    async with (
        serve(own_admission(made.answer), "127.0.0.1") as port,
        asyncio.TaskGroup() as group,
    ):
        run = group.create_task(world.run())
        await world.until_running(1)
        made.contexts = made.contexts_at(f"127.0.0.1:{port}")
        yield made
        run.cancel()


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.02)


def agents(node: Node) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if f"\0{node.file}\0".encode() in path.read_bytes():
                found.append(int(path.parent.name))
    return found


async def test_the_script_finds_newer_tokens_in_its_file(node: Node) -> None:
    await node.update(NEW)  # before the container: it asks for what it may have missed
    process = await node.start("until [ -e go ]; do sleep 0.05; done; exit 7")
    await until(lambda: node.token() == b"new")
    await node.update(NEWEST)
    await until(lambda: node.token() == b"newest")
    secrets = TokenStorage.read(node.file.read_bytes()).secrets
    assert secrets[KEY] == PAIR.key
    assert node.file.stat().st_mode & 0o777 == 0o600
    await until(lambda: node.log.read_text().count("new tokens for 10.0.0.1:8020") == 2)
    (agent,) = agents(node)
    assert os.getpgid(agent) == process.pid, "YARN ends the group"
    assert f"PPid:\t{process.pid}\n" not in Path(f"/proc/{agent}/status").read_text()

    (node.folder / "go").touch()
    assert await process.wait() == 7
    await until(lambda: not agents(node))


async def test_it_survives_an_application_master_that_is_away(node: Node) -> None:
    port = int(node.contexts.address.rpartition(":")[2])
    node.contexts = node.contexts_at(f"127.0.0.1:{port + 1}")
    process = await node.start("until [ -e go ]; do sleep 0.05; done; exit 0")
    await until(lambda: node.log.exists() and "retrying" in node.log.read_text())
    (node.folder / "go").touch()
    assert await process.wait() == 0
    await until(lambda: not agents(node))
    assert len(node.log.read_text().splitlines()) == 1


async def test_the_end_of_the_application_is_no_trouble(node: Node) -> None:
    process = await node.start("until [ -e go ]; do sleep 0.05; done; exit 0")
    await node.asked.wait()
    await node.world.runner.ask(Shutdown())
    await node.answered.wait()
    (node.folder / "go").touch()
    assert await process.wait() == 0
    await until(lambda: not agents(node))
    assert not node.log.exists()


async def test_it_ends_with_a_script_that_is_killed(node: Node) -> None:
    await node.update(NEW)
    process = await node.start("sleep 100")
    await until(lambda: node.token() == b"new")
    os.kill(process.pid, signal.SIGKILL)
    assert await process.wait() == -signal.SIGKILL
    await until(lambda: not agents(node))
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


async def test_a_script_that_ends_at_once_leaves_neither_agent_nor_log(node: Node) -> None:
    process = await node.start("exit 4")
    assert await process.wait() == 4
    await until(lambda: not agents(node))
    assert not node.log.exists()


async def test_without_a_python_the_log_says_what_to_do(node: Node) -> None:
    empty = node.folder / "bin"
    empty.mkdir()
    for name in ("bash", "sleep"):
        (empty / name).symlink_to(f"/bin/{name}")
    process = await node.start("exit 3", path=str(empty))
    assert await process.wait() == 3
    await until(lambda: node.log.exists() and node.log.read_text())
    assert "No Python 3.11" in node.log.read_text()
    assert str(node.file) in node.log.read_text()


def test_a_full_disk_keeps_no_tokens_away(tmp_path: Path) -> None:
    variables = {
        "HADOOP_TOKEN_FILE_LOCATION": str(tmp_path / "tokens"),
        "LOG_DIRS": str(tmp_path / "no such folder"),
        environment.APPMASTER_ADDRESS: "localhost:1",
        environment.APPLICATION_ID: "application_1_0001",
    }
    Agent(variables).say("nobody reads this")
    (tmp_path / "logs").mkdir()
    agent = Agent({**variables, "LOG_DIRS": str(tmp_path / "logs")})
    with files_end_at(3):
        agent.say("half a line")
    agent.say("a whole one")
    assert (tmp_path / "logs" / LOG).read_text().endswith("a whole one\n")
