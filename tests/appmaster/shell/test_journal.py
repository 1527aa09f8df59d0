from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest

from appmaster.shell.journal_contract import JournalContract, Opened
from yarnhub.appmaster.shell.journal import FileJournal

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
