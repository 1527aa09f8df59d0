"""The runtime archive on the cluster's file system: uploaded once, shared where it can be."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from yarnhub.client.submit.runtime_archive import published
from yarnhub.filesystem.local import LocalFileSystem
from yarnhub.spec import FileType, FileVisibility

if TYPE_CHECKING:
    from collections.abc import Iterator

CONTENT = b"an interpreter"


class Home(LocalFileSystem):
    """The local file system with the user's home elsewhere."""

    def __init__(self, home: Path) -> None:
        super().__init__()
        self._home = home

    async def home(self) -> str:
        return f"file://{self._home}"


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "python-1-2.tar.gz"
    path.write_bytes(CONTENT)
    return path


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder that everybody may enter, as pytest's own are not."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def uploads(home: Path) -> list[Path]:
    return sorted(home.glob(".yarnhub-runtime/python-1-2/*.tar.gz"))


async def test_it_is_uploaded_once_and_found_again(home: Path, archive: Path) -> None:
    said: list[int] = []
    fs = Home(home)
    first = await published(fs, archive, lambda _, sent, __: said.append(sent))
    (upload,) = uploads(home)
    assert upload.read_bytes() == CONTENT
    assert said[-1] == len(CONTENT)
    said.clear()
    assert await published(fs, archive, lambda _, sent, __: said.append(sent)) == first
    assert (uploads(home), said) == ([upload], [])
    assert (first.source, first.type) == (f"file://{upload}", FileType.ARCHIVE)
    assert (first.size, first.timestamp) == (
        len(CONTENT),
        upload.stat().st_mtime_ns // 1_000_000,
    )


async def test_what_others_may_read_is_shared_between_users(home: Path, archive: Path) -> None:
    shared = await published(Home(home), archive)
    (upload,) = uploads(home)
    assert upload.stat().st_mode & 0o777 == 0o644
    for folder in (upload.parent, upload.parent.parent):
        assert folder.stat().st_mode & 0o777 == 0o755
    assert shared.visibility is FileVisibility.PUBLIC


@pytest.mark.parametrize("mode", [0o700, 0o750])
async def test_in_a_home_that_others_may_not_enter_it_is_the_users_own(
    home: Path, archive: Path, mode: int
) -> None:
    home.chmod(mode)
    assert (await published(Home(home), archive)).visibility is FileVisibility.PRIVATE


async def test_two_at_once_leave_each_others_upload_alone(home: Path, archive: Path) -> None:
    fs = Home(home)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(published(fs, archive)) for _ in range(2)]
    sources = {task.result().source.removeprefix("file://") for task in tasks}
    assert sources <= {str(path) for path in uploads(home)}


async def test_half_an_upload_is_not_taken_for_a_whole_one(home: Path, archive: Path) -> None:
    fs = Home(home)
    await published(fs, archive)
    (upload,) = uploads(home)
    upload.write_bytes(CONTENT[:5])
    assert (await published(fs, archive)).source != f"file://{upload}"
