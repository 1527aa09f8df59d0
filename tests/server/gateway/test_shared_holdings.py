"""Limits count what users hold at all processes of the service."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import pytest

from yarnhub.base.errors import ConfigurationError, YarnhubError
from yarnhub.server.gateway import shared_holdings
from yarnhub.server.gateway.limits import NOTHING, Held, Size
from yarnhub.server.gateway.shared_holdings import SharedHoldings

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
    assert total(two) == Size(memory=20, vcores=2, kernels=2)
    assert total(one) == NOTHING

    restarted = process(tmp_path, "one")
    restarted.tell([])  # it does not know them
    assert total(two).kernels == 2
    await complete(restarted, ONE)
    assert total(two).kernels == 1


async def test_a_process_that_does_not_come_back_does_not_count(tmp_path: Path) -> None:
    await complete(process(tmp_path, "one"), ONE)
    for path in tmp_path.glob("*.json"):
        os.utime(path, (NOW, NOW))
    assert total(process(tmp_path, "two", NOW + 14 * 60)).kernels == 1
    assert total(process(tmp_path, "two", NOW + 16 * 60)) == NOTHING


async def test_a_damaged_file_does_not_count(tmp_path: Path) -> None:
    for number, content in enumerate((b"", b"[]", b'{"a": 1}', b'{"a": {"x": 1}}', b"\xff")):
        (tmp_path / f"{number}.json").write_bytes(content)
    assert total(process(tmp_path, "two", 0)) == NOTHING


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
    with pytest.raises(ConfigurationError, match="shared_folder"):
        process(tmp_path / "lock", "one")
