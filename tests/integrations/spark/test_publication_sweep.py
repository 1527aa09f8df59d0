"""What killed publications have left is deleted, and old versions if that is wanted."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from integrations.spark import installations
from integrations.spark.publications import Failing, listed, publication, publish
from yarnhub.base.errors import ConfigurationError
from yarnhub.filesystem.errors import FileSystemError
from yarnhub.filesystem.local import LocalFileSystem

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("temporary")

DAY = 24 * 3600


async def sweep(root: Path, *, days: float, keep: int | None = None) -> tuple[str, ...]:
    async with LocalFileSystem() as file_system:
        now = datetime.now(UTC).timestamp() + days * DAY
        return await publication(root, file_system).sweep(now, keep)


async def test_unfinished_folders_are_swept_after_a_day(root: Path, spark: Path) -> None:
    with pytest.raises(FileSystemError):
        await publish(root, spark, file_system=Failing(5, FileSystemError("write", "x", "full")))
    (folder,) = root.iterdir()
    assert await sweep(root, days=0.9) == ()
    assert await sweep(root, days=1.1) == (f"file://{folder}",)
    assert list(root.iterdir()) == []
    assert await sweep(root, days=1.1) == ()


async def test_the_next_publication_sweeps_too(root: Path, spark: Path, tmp_path: Path) -> None:
    with pytest.raises(FileSystemError):
        await publish(root, spark, file_system=Failing(5, FileSystemError("write", "x", "full")))
    (folder,) = root.iterdir()
    age(folder)
    result, _ = await publish(root, installations.spark(tmp_path / "new", "4.3.1"))
    assert [f"file://{path}" for path in root.iterdir()] == [result.folder]


def age(folder: Path) -> None:
    """Make a folder and all in it older than a day."""
    for path in (*folder.iterdir(), folder):
        os.utime(path, (1, 1))


async def test_old_versions_are_swept_if_that_is_wanted(root: Path, tmp_path: Path) -> None:
    results = [
        (await publish(root, installations.spark(tmp_path / version, version)))[0]
        for version in ("4.10.0", "4.2.1", "4.3.0")
    ]
    assert await sweep(root, days=100) == ()
    assert await sweep(root, days=0.9, keep=1) == ()
    assert await sweep(root, days=1.1, keep=3) == ()
    assert await sweep(root, days=1.1, keep=2) == (results[1].folder,)
    assert await sweep(root, days=1.1, keep=1) == (results[2].folder,)
    assert [each.spark for each in await listed(root)] == [results[0]]


async def test_a_damaged_folder_is_neither_swept_nor_completed(root: Path, spark: Path) -> None:
    """Kernels may be running with it, and somebody should look."""
    await publish(root, spark)
    (folder,) = root.iterdir()
    (folder / "pyspark.zip").unlink()
    assert await sweep(root, days=100, keep=1) == ()
    with pytest.raises(ConfigurationError, match=r"pyspark.zip is missing: delete the folder"):
        await publish(root, spark)
