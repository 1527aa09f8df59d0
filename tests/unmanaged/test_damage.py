"""What is kept of one application is damaged: the others are taken over all the same."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import random
import socket
from typing import TYPE_CHECKING, Any

import pytest

from client.test_submission import spec, submission
from yarnhub.appmaster.core.application import Application
from yarnhub.appmaster.core.events import Asked
from yarnhub.appmaster.core.placement import Topology
from yarnhub.appmaster.shell.runner import Runner
from yarnhub.base.errors import ConfigurationError, ConnectionLostError
from yarnhub.base.retry import RetryPolicy
from yarnhub.client.settings import Settings
from yarnhub.client.submission import credentials
from yarnhub.control import bootstrap
from yarnhub.control import json as control_json
from yarnhub.control.messages import PutKey
from yarnhub.hadoop.wire.tokens import AMRM_TOKEN, Credentials, Token
from yarnhub.unmanaged import UnmanagedApplication, UnmanagedApplications, holding
from yarnhub.unmanaged.folder import Folder
from yarnhub.yarn.records.ids import ApplicationId

if TYPE_CHECKING:
    from pathlib import Path

GOOD = "application_1700000000000_0001"
ROUNDS = 60
"""Of each kind of damage; `./test faults` has more, and others each time."""
STRANGE: list[Any] = [
    *(None, True, -1, 10**30, 1e308, "", "\x00", "\ud800", [], {}, [[]], {"": {}}, {"a": [None]}),
]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Of a cluster on which nobody answers."""
    conf = tmp_path / "conf"
    conf.mkdir()
    address = "<property><name>yarn.resourcemanager.{}</name><value>127.0.0.1:1</value></property>"
    site = "".join(map(address.format, ("address", "scheduler.address")))
    (conf / "yarn-site.xml").write_text(f"<configuration>{site}</configuration>")
    (conf / "core-site.xml").write_text("<configuration/>")
    env = {"HADOOP_CONF_DIR": str(conf), "HOME": str(tmp_path), "HADOOP_USER_NAME": "alice"}
    return Settings.from_environment(env)


def record(application_id: str) -> Credentials:
    """What is kept of an application."""
    kept = credentials(
        submission(spec(), application_id=ApplicationId.parse(application_id), program=None)
    )
    token = Token(b"id", b"password", AMRM_TOKEN, "127.0.0.1:1")
    return Credentials({**kept.tokens, AMRM_TOKEN: token}, kept.secrets)


def journal() -> list[bytes]:
    """What has happened to it."""
    core = Application(spec(), "{}", Topology(racks={}))
    lines = [control_json.dump(core.snapshot())]
    for number in range(3):
        core.handle(Asked(number, PutKey(key=f"k{number}", value=b"v")), 0.0)
        change = core.changes()
        assert change is not None
        lines.append(control_json.dump(change))
    return lines


def with_strange_value(document: Any, chance: random.Random) -> Any:
    """A JSON document in which one value is something else."""
    if isinstance(document, dict | list) and document and chance.random() < 0.8:
        copy: Any = document.copy()
        key = chance.choice(list(copy if isinstance(copy, dict) else range(len(copy))))
        copy[key] = with_strange_value(copy[key], chance)
        return copy
    return chance.choice(STRANGE)


def damaged(content: bytes, chance: random.Random) -> bytes:
    """Bytes that were cut off, or some of which are others."""
    if chance.random() < 0.3:
        return content[: chance.randrange(len(content))]
    changed = bytearray(content)
    for _ in range(chance.choice([1, 1, 8])):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def fill(folder: Path, chance: random.Random, rounds: int) -> list[str]:
    """Keep one good application, and very many that are damaged; returns their ids."""
    number = 1
    ids = []

    def write(tokens: bytes, lines: bytes, number: int) -> None:
        application_id = f"application_1700000000000_{number:04}"
        (folder / f"{application_id}.tokens").write_bytes(tokens)
        (folder / f"{application_id}.journal").write_bytes(lines)
        ids.append(application_id)

    lines = b"".join(line + b"\n" for line in journal())
    write(record(GOOD).write(), lines, 1)
    for number in range(2, rounds + 2):
        kept = record(f"application_1700000000000_{number:04}")
        application = json.loads(kept.secrets[bootstrap.APPLICATION])
        changed = with_strange_value(application, chance)
        specification = with_strange_value(json.loads(application["specification"]), chance)
        for document in changed, {**application, "specification": json.dumps(specification)}:
            secrets = {**kept.secrets, bootstrap.APPLICATION: json.dumps(document).encode()}
            write(Credentials(kept.tokens, secrets).write(), lines, 10_000 + len(ids))
        write(damaged(kept.write(), chance), lines, number)
        write(kept.write(), damaged(lines, chance), 20_000 + len(ids))
        where = chance.randrange(1, 4)
        whole = journal()
        strange = with_strange_value(json.loads(whole[where]), chance)
        whole[where] = json.dumps(strange).encode()
        write(kept.write(), b"\n".join(whole) + b"\n", 30_000 + len(ids))
    return ids[1:]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "held"
    with Folder(path).held():
        (path / "tag").write_text("held-by-0123456789abcdef")
    return path


async def test_one_damaged_record_is_its_own_applications_fault(
    settings: Settings, folder: Path
) -> None:
    await check(settings, folder, random.Random(1), ROUNDS)


async def check(settings: Settings, folder: Path, chance: random.Random, rounds: int) -> None:
    """Take over an application among many that are damaged."""
    damaged_ids = fill(folder, chance, rounds)
    before = {each.name for each in folder.iterdir()}
    async with (
        asyncio.timeout(100),
        UnmanagedApplications(settings, folder=folder, host="localhost") as applications,
    ):
        assert GOOD in applications
        # What was damaged in a place that matters to nobody runs on, too.
        assert len(applications) < len(damaged_ids) / 2
    assert before - {"port"} <= {each.name for each in folder.iterdir()}, "nothing is deleted"


async def test_what_is_not_a_file_is_left_alone(settings: Settings, folder: Path) -> None:
    fill(folder, random.Random(1), 0)
    for name in (
        "lost+found",
        "application_1700000000000_0002.tokens",
        "application_1700000000000_0003.journal",
        ".application_1700000000000_0004.tokens.77",
    ):
        (folder / name).mkdir()
    (folder / "application_1700000000000_0005.tokens").symlink_to(
        "application_1700000000000_0005.tokens"
    )
    os.mkfifo(folder / "fifo")
    async with UnmanagedApplications(settings, folder=folder, host="localhost") as applications:
        assert set(applications) == {GOOD}
    assert (folder / "lost+found").is_dir()
    assert (folder / "fifo").exists()


@pytest.mark.parametrize("content", [b"", b"99999999", b"-1", b"\xff", b"0", b"8e3", None])
@pytest.mark.parametrize("name", ["port", "tag"])
async def test_what_all_share_may_be_damaged(
    settings: Settings, folder: Path, name: str, content: bytes | None
) -> None:
    fill(folder, random.Random(1), 0)
    (folder / name).unlink(missing_ok=True)
    if content is None:
        (folder / name).mkdir()
    else:
        (folder / name).write_bytes(content)
    async with UnmanagedApplications(settings, folder=folder, host="localhost") as applications:
        assert set(applications) == {GOOD}
        assert applications.port > 0


async def test_a_port_that_somebody_has_taken_drops_nobody(
    settings: Settings, folder: Path
) -> None:
    fill(folder, random.Random(1), 0)
    with socket.create_server(("localhost", 0)) as taken:
        port = taken.getsockname()[1]
        (folder / "port").write_text(str(port))
        async with UnmanagedApplications(settings, folder=folder, host="localhost") as other:
            assert set(other) == {GOOD}
            assert other.port != port
        chosen = UnmanagedApplications(settings, folder=folder, host="localhost", port=port)
        with pytest.raises(ConfigurationError, match=f"port {port} of localhost.* cannot be had"):
            await chosen.__aenter__()
    async with UnmanagedApplications(settings, folder=folder, host="localhost") as again:
        assert again.port == port


async def test_a_full_disk_at_the_start_drops_nobody(
    settings: Settings, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(folder, random.Random(1), 0)
    kept = {each.name: each.read_bytes() for each in folder.iterdir()}

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    for call in "fsync", "fdatasync":
        monkeypatch.setattr(os, call, full)
    async with UnmanagedApplications(settings, folder=folder, host="localhost") as applications:
        assert set(applications) == {GOOD}
        with pytest.raises(Exception, match=r"cannot be kept in .*: No space left on device"):
            Folder(folder).keep("application_1700000000000_0002", Credentials())
    assert {each.name: each.read_bytes() for each in folder.glob("*.tokens")} == {
        name: content for name, content in kept.items() if name.endswith(".tokens")
    }


async def test_what_cannot_be_read_now_is_read_later(
    settings: Settings, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from yarnhub.unmanaged import applications as module

    fill(folder, random.Random(1), 0)
    monkeypatch.setattr(module, "_AGAIN", 0.01)
    tokens = folder / f"{GOOD}.tokens"
    content = tokens.read_bytes()
    tokens.unlink()
    tokens.symlink_to(tokens.name)  # reading it is an error of the system's, as EIO is
    async with UnmanagedApplications(settings, folder=folder, host="localhost") as applications:
        assert GOOD not in applications
        tokens.unlink()
        tokens.write_bytes(content)
        async with asyncio.timeout(20):
            while GOOD not in applications:
                await asyncio.sleep(0.01)


async def test_who_asks_while_a_run_ends_is_told_and_may_ask_again(
    settings: Settings, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(folder, random.Random(1), 0)
    asked = asyncio.Event()
    run = Runner.run

    async def fail(*_: Any) -> None:
        monkeypatch.setattr(Runner, "run", run)
        await asked.wait()
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(Runner, "run", fail)
    monkeypatch.setattr(holding, "_ANEW", RetryPolicy(first_delay=0.01))
    async with UnmanagedApplications(settings, folder=folder, host="localhost") as applications:
        application = applications[GOOD]
        async with asyncio.timeout(20), asyncio.TaskGroup() as group:
            # Nothing is answered before it is recorded, and this run records nothing.
            group.create_task(refused(application))
            killing = group.create_task(application.kill())
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            asked.set()
            while not application.core.over:
                await asyncio.sleep(0.01)
            killing.cancel()  # nobody can tell YARN here


async def refused(application: UnmanagedApplication) -> None:
    with pytest.raises(ConnectionLostError, match="ended before it answered"):
        await application.keys.get("k0")
