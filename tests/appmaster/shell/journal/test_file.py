from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest

from appmaster.shell.journal.contract import JournalContract, Opened
from full_disk import files_end_at
from yarnhub.appmaster.shell.journal.file import FileJournal
from yarnhub.base.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def opened(tmp_path: Path) -> Opened:
    return lambda: FileJournal(tmp_path / "journal")


class TestFileJournal(JournalContract):
    async def test_nobody_else_can_read_it(self, opened: Opened, tmp_path: Path) -> None:
        journal = opened()
        await journal.load()
        await journal.append([b"a"])
        assert stat.S_IMODE((tmp_path / "journal").stat().st_mode) == 0o600
        await journal.compact(b"b")
        assert stat.S_IMODE((tmp_path / "journal").stat().st_mode) == 0o600

    async def test_a_change_that_was_cut_off_never_was(
        self, opened: Opened, tmp_path: Path
    ) -> None:
        journal = opened()
        await journal.load()
        await journal.append([b"a", b"b"])
        with (tmp_path / "journal").open("ab") as file:
            file.write(b"half of ")
        journal = opened()
        assert await journal.load() == [b"a", b"b"]
        await journal.append([b"c"])
        assert await opened().load() == [b"a", b"b", b"c"]

    async def test_what_a_full_disk_took_of_a_change_is_cut_off(
        self, opened: Opened, tmp_path: Path
    ) -> None:
        journal = opened()
        await journal.load()
        await journal.compact(b"snapshot")
        with files_end_at(30):
            for _ in range(2):
                with pytest.raises(OSError, match="too large"):
                    await journal.append([b"a" * 10, b"b" * 100])
        assert (tmp_path / "journal").stat().st_size == 30, "half of it is there"
        await journal.append([b"a" * 10, b"b" * 100])
        assert await opened().load() == [b"snapshot", b"a" * 10, b"b" * 100]

    async def test_a_process_that_ends_while_the_disk_is_full_leaves_what_was_whole(
        self, opened: Opened
    ) -> None:
        journal = opened()
        await journal.load()
        await journal.append([b"a"])
        with files_end_at(8), pytest.raises(OSError, match="too large"):
            await journal.append([b"b", b"c" * 100])
        journal = opened()
        assert await journal.load() == [b"a", b"b"]
        await journal.append([b"d"])
        assert await opened().load() == [b"a", b"b", b"d"]

    async def test_a_snapshot_that_does_not_fit_leaves_all_as_it_was(
        self, opened: Opened, tmp_path: Path
    ) -> None:
        journal = opened()
        await journal.load()
        await journal.append([b"a"])
        with files_end_at(10), pytest.raises(OSError, match="too large"):
            await journal.compact(b"s" * 100)
        assert [each.name for each in tmp_path.iterdir()] == ["journal"]
        await journal.append([b"b"])
        assert await opened().load() == [b"a", b"b"]

    async def test_what_somebody_else_has_cut_is_not_filled_with_zeros(
        self, opened: Opened, tmp_path: Path
    ) -> None:
        journal = opened()
        await journal.load()
        await journal.append([b"abc"])
        (tmp_path / "journal").write_bytes(b"")
        with pytest.raises(OSError, match="another program has truncated it"):
            await journal.append([b"d"])
        await journal.compact(b"snapshot")
        await journal.append([b"e"])
        assert await opened().load() == [b"snapshot", b"e"]

    @pytest.mark.parametrize("content", [b"", b"half of a line"])
    async def test_one_that_is_empty_is_not_one_that_is_new(
        self, opened: Opened, tmp_path: Path, content: bytes
    ) -> None:
        (tmp_path / "journal").write_bytes(content)
        with pytest.raises(ConfigurationError, match="is damaged"):
            await opened().load()
        assert (tmp_path / "journal").read_bytes() == content
