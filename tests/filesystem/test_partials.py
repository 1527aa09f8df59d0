"""Half uploads: named, given up, swept."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from yarnhub.base.errors import ConnectError
from yarnhub.filesystem.local import LocalFileSystem
from yarnhub.filesystem.partials import Partials, partial_name, sweep_partials, with_ending

if TYPE_CHECKING:
    from pathlib import Path

DAY = 24 * 3600


def test_a_partial_name_is_hidden_in_the_same_folder_and_new_each_time() -> None:
    one, two = partial_name("/a/b"), partial_name("/a/b")
    assert one != two
    assert re.fullmatch(r"/a/\.b\.[0-9a-f]{8}\._COPYING_", one)


@pytest.mark.parametrize(
    "name", ["x" * 244, "x" * 255, "\u00e9" * 127, "\U0001f600" * 63, "\udcff"]
)
def test_a_partial_name_fits_where_the_name_does(name: str) -> None:
    partial = partial_name(f"/a/{name}").removeprefix("/a/")
    assert len(partial.encode()) <= 255
    assert partial.endswith("._COPYING_")


def test_an_ending_stays_whole() -> None:
    assert with_ending("name", ".1") == "name.1"
    assert with_ending("\u00e9" * 200, ".12") == "\u00e9" * 126 + ".12"


class Silent:
    """A file system that does not always answer."""

    def __init__(self) -> None:
        self.answers = False
        self.deleted: list[str] = []

    async def delete(self, path: str) -> bool:
        if not self.answers:
            raise ConnectError("nobody answers")
        self.deleted.append(path)
        return True


async def test_what_a_silent_file_system_keeps_is_deleted_when_it_answers() -> None:
    silent = Silent()
    partials = Partials(silent.delete)
    await partials.discard("/a")
    await partials.discard("/b")
    assert silent.deleted == []
    silent.answers = True
    await partials.discard("/c")
    assert silent.deleted == ["/c", "/b", "/a"]
    await partials.retry()
    assert len(silent.deleted) == 3


async def test_what_is_remembered_has_a_bound() -> None:
    silent = Silent()
    partials = Partials(silent.delete)
    for number in range(1100):
        await partials.discard(f"/{number}")
    silent.answers = True
    await partials.retry()
    assert len(silent.deleted) == 1000


async def test_half_uploads_of_a_day_ago_are_swept_and_nothing_else(tmp_path: Path) -> None:
    file_system = LocalFileSystem()
    half = partial_name("a")
    (tmp_path / half).mkdir()
    (tmp_path / half / "content").touch()
    for name in ("a._COPYING_", ".a.12345678", ".a.zzzzzzzz._COPYING_", "b"):
        (tmp_path / name).touch()
    found = await file_system.list(str(tmp_path))
    now = max(each.modification_time for each in found) / 1000
    assert len(await sweep_partials(file_system, found, now + DAY - 10)) == 5
    kept = await sweep_partials(file_system, found, now + DAY + 10)
    assert [each.path.rpartition("/")[2] for each in kept] == [
        ".a.12345678",
        ".a.zzzzzzzz._COPYING_",
        "a._COPYING_",
        "b",
    ]
    assert not (tmp_path / half).exists()
    gone = replace(found[0], path=f"file://{tmp_path}/{half}")
    assert await sweep_partials(file_system, [gone], now + 2 * DAY) == ()
