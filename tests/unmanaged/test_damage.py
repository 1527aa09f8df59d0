"""What is kept of one application is damaged: the others are taken over all the same."""

from __future__ import annotations

import asyncio
import errno
import os
import random
import socket
from typing import TYPE_CHECKING, Any

import pytest

from unmanaged.damage import GOOD, check, empty_folder, fill, offline
from yarnhub.appmaster.shell.runner import Runner
from yarnhub.base.errors import ConfigurationError, ConnectionLostError
from yarnhub.base.retry import RetryPolicy
from yarnhub.hadoop.wire.tokens import TokenStorage
from yarnhub.unmanaged import UnmanagedApplication, UnmanagedApplications, runs
from yarnhub.unmanaged.state_folder import StateFolder

if TYPE_CHECKING:
    from pathlib import Path

    from yarnhub.client.access.settings import Settings

ROUNDS = 60
"""Of each kind of damage; `./test faults` has more, and others each time."""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return offline(tmp_path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return empty_folder(tmp_path)


async def test_one_damaged_record_is_its_own_applications_fault(
    settings: Settings, folder: Path
) -> None:
    await check(settings, folder, random.Random(1), ROUNDS)


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
        with pytest.raises(ConfigurationError, match=f"port {port} of .* is not available"):
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
        with pytest.raises(Exception, match=r"cannot be stored in .*: No space left on device"):
            StateFolder(folder).keep("application_1700000000000_0002", TokenStorage())
    assert {each.name: each.read_bytes() for each in folder.glob("*.tokens")} == {
        name: content for name, content in kept.items() if name.endswith(".tokens")
    }


async def test_what_cannot_be_read_now_is_read_later(
    settings: Settings, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from yarnhub.unmanaged import takeover

    fill(folder, random.Random(1), 0)
    monkeypatch.setattr(takeover, "_RETRY_PAUSE", 0.01)
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
    monkeypatch.setattr(runs, "_RERUN", RetryPolicy(first_delay=0.01))
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
    with pytest.raises(ConnectionLostError, match="ended before the answer"):
        await application.keys.get("k0")
