"""Limits count what users hold at all processes of the service."""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from yarnhub.base.errors import ConfigurationError, YarnhubError
from yarnhub.server.gateway import shared_holdings
from yarnhub.server.gateway.shared_holdings import SharedHoldings
from yarnhub.sessions.limits import NOTHING, Held, Size

if TYPE_CHECKING:
    from pathlib import Path

NOW = 1_700_000_000.0
ONE = Held(owner="alice", size=Size(memory=10, vcores=1))


async def complete(holdings: SharedHoldings, *held: Held) -> None:
    """Have a process find its kernels, and be killed."""
    task = asyncio.ensure_future(holdings.keep_telling(lambda: held))  # noqa: TID251
    await asyncio.sleep(0)
    task.cancel()


def process(folder: Path, name: str, now: float = NOW) -> SharedHoldings:
    return SharedHoldings(folder, name, lambda: now)


def total(holdings: SharedHoldings) -> Size:
    return sum((each.size for each in holdings.held({})), NOTHING)


async def test_a_restarted_process_counts_until_it_has_found_its_kernels(tmp_path: Path) -> None:
    one, two = process(tmp_path, "one"), process(tmp_path, "two")
    await complete(one, ONE, ONE)
    assert total(two) == Size(memory=20, vcores=2, count=2)
    assert total(one) == NOTHING

    restarted = process(tmp_path, "one")
    restarted.tell([])  # it does not know them
    assert total(two).count == 2
    await complete(restarted, ONE)
    assert total(two).count == 1


async def test_a_process_that_does_not_come_back_does_not_count(tmp_path: Path) -> None:
    await complete(process(tmp_path, "one"), ONE)
    for path in tmp_path.glob("*.json"):
        os.utime(path, (NOW, NOW))
    assert total(process(tmp_path, "two", NOW + 14 * 60)).count == 1
    assert total(process(tmp_path, "two", NOW + 16 * 60)) == NOTHING


async def test_a_damaged_file_does_not_count(tmp_path: Path) -> None:
    for number, content in enumerate((b"", b"[]", b'{"a": 1}', b'{"a": {"x": 1}}', b"\xff")):
        (tmp_path / f"{number}.json").write_bytes(content)
    assert total(process(tmp_path, "two", 0)) == NOTHING


async def test_what_kernels_have_started_counts_too(tmp_path: Path) -> None:
    started = Size(memory=100, vcores=5, count=0)
    await complete(process(tmp_path, "one"), ONE, replace(ONE, started=started))
    (found,) = process(tmp_path, "two").held({})
    assert found.size == Size(memory=20, vcores=2, count=2)
    assert found.started == started


async def test_a_file_of_a_former_version_counts(tmp_path: Path) -> None:
    plain = {"alice": {"kernels": 1, "memory": 10, "vcores": 1}}
    (tmp_path / "former.json").write_text(json.dumps(plain))
    assert process(tmp_path, "two", 0).held({}) == [replace(ONE, started=NOTHING)]


async def test_a_folder_that_stays_locked_refuses_kernels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_holdings, "_ATTEMPTS", 2)
    with (
        process(tmp_path, "one").locked(),
        pytest.raises(YarnhubError, match="cannot be checked at the moment"),
        process(tmp_path, "two").locked(),
    ):
        pass
    with process(tmp_path, "two").locked():
        pass
    await complete(process(tmp_path, "one"), ONE)
    with process(tmp_path, "one").locked():
        assert total(process(tmp_path, "two")).count == 1  # to read needs no lock
    with pytest.raises(ConfigurationError, match="shared_folder"):
        process(tmp_path / "lock", "one")


async def test_without_the_folder_it_is_not_known_what_others_hold(tmp_path: Path) -> None:
    two = process(tmp_path / "shared", "two")
    assert two.held({}) == []
    (tmp_path / "shared").rmdir()
    with pytest.raises(YarnhubError, match="cannot be checked at the moment"):
        two.held({})
