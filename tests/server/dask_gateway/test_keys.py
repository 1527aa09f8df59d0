"""The secrets of the service."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from full_disk import files_end_at
from yarnhub.base.errors import ConfigurationError
from yarnhub.server.dask_gateway.keys import NAME, read_keys

if TYPE_CHECKING:
    from pathlib import Path


def test_they_are_drawn_once_and_only_their_owner_can_read_them(tmp_path: Path) -> None:
    drawn = read_keys(tmp_path)
    assert read_keys(tmp_path) == drawn
    assert len({drawn.database, drawn.cookies, drawn.proxy}) == 3
    assert stat.S_IMODE((tmp_path / NAME).stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.iterdir()] == [NAME]
    assert drawn.proxy not in repr(drawn)


def test_the_server_and_the_proxy_can_start_at_the_same_time(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(read_keys, [tmp_path] * 8))) == 1


def test_a_full_disk_is_named_and_leaves_nothing(tmp_path: Path) -> None:
    with (
        files_end_at(20),
        pytest.raises(ConfigurationError, match=rf"{NAME}: (File too large|No space left)"),
    ):
        read_keys(tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert read_keys(tmp_path).proxy


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text('{"proxy": "x"}')
    with pytest.raises(ConfigurationError, match=NAME):
        read_keys(tmp_path)
