"""The server's own folder in a container."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from integrations.contents.contract import refused, text
from yarnhub.integrations.contents import ContentsWithHdfs, OwnFiles

if TYPE_CHECKING:
    from pathlib import Path

YARN_FILES = ("container_tokens", "launch_container.sh", "default_container_executor.sh")


@pytest.fixture(params=["own", "with HDFS"])
def contents(request: pytest.FixtureRequest, tmp_path: Path) -> OwnFiles:
    for name in (*YARN_FILES, "notes.txt"):
        (tmp_path / name).write_text("secret")
    (tmp_path / "folder").mkdir()
    if request.param == "own":
        return OwnFiles(root_dir=str(tmp_path), delete_to_trash=False)
    return ContentsWithHdfs(root_dir=str(tmp_path), hdfs=None, delete_to_trash=False)


async def test_files_of_yarn_are_not_listed(contents: OwnFiles) -> None:
    model = await contents.get("")
    assert sorted(each["name"] for each in model["content"]) == ["folder", "notes.txt"]


@pytest.mark.parametrize("hidden", [False, True])
@pytest.mark.parametrize("name", YARN_FILES)
async def test_files_of_yarn_can_be_neither_read_nor_changed(
    name: str, hidden: bool, contents: OwnFiles
) -> None:
    contents.allow_hidden = hidden
    for path in (name, f"/{name}", f"folder/../{name}"):
        with refused(404):
            await contents.get(path)
        with refused(404):
            await contents.get(path, type="file", format="base64")
    with refused(404):
        await contents.save(text("x"), name)
    with refused(404):
        await contents.rename(name, "mine")
    with refused(404):
        await contents.rename("notes.txt", name)
    with refused(404):
        await contents.copy(name, "folder")
    with refused(404):
        await contents.delete(name)


async def test_other_files_are_not_affected(contents: OwnFiles) -> None:
    await contents.save(text("x"), "folder/a")
    await contents.rename("folder/a", "b")
    assert (await contents.get("b"))["content"] == "x"
