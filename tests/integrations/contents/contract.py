"""The contract of JupyterLab's files in HDFS, for each implementation of the file system."""

from __future__ import annotations

import base64
import contextlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import nbformat
import pytest
from jupyter_server.services.contents.handlers import validate_model
from nbformat.v4 import new_code_cell, new_notebook
from tornado.web import HTTPError

from yarnhub.integrations.contents import HdfsContents

if TYPE_CHECKING:
    from collections.abc import Iterator

    from yarnhub.integrations.contents import ContentsWithHdfs

Model = dict[str, Any]


def text(content: str) -> Model:
    return {"type": "file", "format": "text", "content": content}


def notebook(source: str = "1 + 1") -> Model:
    return {
        "type": "notebook",
        "format": "json",
        "content": new_notebook(cells=[new_code_cell(source)]),
    }


def drive(contents: ContentsWithHdfs) -> HdfsContents:
    """The manager of the files in HDFS."""
    assert isinstance(contents.hdfs, HdfsContents)
    return contents.hdfs


@contextlib.contextmanager
def refused(status: int, words: str | None = None) -> Iterator[None]:
    """An HTTP error with a status and words."""
    with pytest.raises(HTTPError, match=words) as found:
        yield
    assert found.value.status_code == status


async def names(contents: ContentsWithHdfs, path: str) -> list[str]:
    return [found["name"] for found in (await contents.get(path))["content"]]


class ContentsContract:
    """Subclasses give the fixture `contents`, whose folder `hdfs` is empty."""

    async def test_the_folder_is_listed_with_the_servers_own_files(
        self, contents: ContentsWithHdfs
    ) -> None:
        await contents.save(text("mine"), "local.txt")
        root = await contents.get("")
        assert sorted(found["name"] for found in root["content"]) == ["hdfs", "local.txt"]
        for found in root["content"]:
            validate_model(found)
        folder = await contents.get("hdfs")
        validate_model(folder, expect_content=True)
        assert (folder["type"], folder["path"], folder["content"]) == ("directory", "hdfs", [])
        assert await contents.dir_exists("hdfs")
        assert not await contents.file_exists("hdfs")

    async def test_text(self, contents: ContentsWithHdfs) -> None:
        saved = await contents.save(text("caf\u00e9\n"), "hdfs/a b%.txt")
        validate_model(saved)
        assert (saved["name"], saved["path"], saved["size"]) == ("a b%.txt", "hdfs/a b%.txt", 6)
        assert saved["writable"] is True
        assert abs(datetime.now(UTC) - saved["last_modified"]).total_seconds() < 3600
        found = await contents.get("hdfs/a b%.txt", require_hash=True)
        validate_model(found, expect_content=True, expect_hash=True)
        assert (found["content"], found["format"]) == ("caf\u00e9\n", "text")
        assert found["mimetype"] == "text/plain"
        assert found["last_modified"] == saved["last_modified"]
        without = await contents.get("hdfs/a b%.txt", content=False, require_hash=True)
        assert (without["content"], without["hash"]) == (None, found["hash"])
        as_bytes = await contents.get("hdfs/a b%.txt", format="base64")
        assert base64.b64decode(as_bytes["content"]) == "caf\u00e9\n".encode()

    async def test_bytes(self, contents: ContentsWithHdfs) -> None:
        data = bytes(range(256))
        content = base64.b64encode(data).decode()
        await contents.save({"type": "file", "format": "base64", "content": content}, "hdfs/a.bin")
        found = await contents.get("hdfs/a.bin")
        assert (base64.b64decode(found["content"]), found["format"]) == (data, "base64")
        with refused(400, "not text in UTF-8"):
            await contents.get("hdfs/a.bin", format="text")

    async def test_notebooks(self, contents: ContentsWithHdfs) -> None:
        saved = await contents.save(notebook("6 * 7"), "hdfs/a.ipynb")
        validate_model(saved)
        assert saved["type"] == "notebook"
        found = await contents.get("hdfs/a.ipynb", require_hash=True)
        validate_model(found, expect_content=True, expect_hash=True)
        (cell,) = found["content"]["cells"]
        assert (cell["source"], cell["metadata"]["trusted"]) == ("6 * 7", True)
        as_text = await contents.get("hdfs/a.ipynb", type="file")
        assert nbformat.reads(as_text["content"], 4).cells[0].source == "6 * 7"
        assert (await contents.list_checkpoints("hdfs/a.ipynb")) != []

    async def test_a_file_that_is_not_a_notebook(self, contents: ContentsWithHdfs) -> None:
        await contents.save(text("{}"), "hdfs/a.ipynb")
        with refused(400, r"hdfs/a\.ipynb cannot be read as a notebook"):
            await contents.get("hdfs/a.ipynb")

    async def test_a_save_replaces(self, contents: ContentsWithHdfs) -> None:
        await contents.save(text("a long first version"), "hdfs/a.txt")
        await contents.save(text("short"), "hdfs/a.txt")
        assert (await contents.get("hdfs/a.txt"))["content"] == "short"
        drive(contents).allow_hidden = True
        assert await names(contents, "hdfs") == ["a.txt"]

    async def test_a_save_keeps_the_mode(self, contents: ContentsWithHdfs) -> None:
        file_system, at = await drive(contents).drive.locate("hdfs/a.txt")
        await file_system.write(at, b"", 0o640)
        await contents.save(text("x"), "hdfs/a.txt")
        status = await file_system.status(at)
        assert status is not None
        assert status.permission == 0o640

    async def test_a_read_only_file(self, contents: ContentsWithHdfs) -> None:
        file_system, at = await drive(contents).drive.locate("hdfs/a.txt")
        await file_system.write(at, b"keep", 0o440)
        assert (await contents.get("hdfs/a.txt"))["writable"] is False
        with refused(403, r"hdfs/a\.txt is read-only"):
            await contents.save(text("x"), "hdfs/a.txt")

    async def test_saves_that_make_no_sense(self, contents: ContentsWithHdfs) -> None:
        with refused(400, "its type is None"):
            await contents.save({}, "hdfs/a")
        with refused(400, "no content"):
            await contents.save({"type": "file"}, "hdfs/a")
        with refused(400, "its format is 'json'"):
            await contents.save({"type": "file", "content": "x", "format": "json"}, "hdfs/a")
        with refused(404, "directory hdfs/missing not found"):
            await contents.save(text("x"), "hdfs/missing/a")

    async def test_folders_and_new_names(self, contents: ContentsWithHdfs) -> None:
        folder = await contents.new_untitled("hdfs", type="directory")
        validate_model(folder)
        assert folder["path"] == "hdfs/Untitled Folder"
        made = [await contents.new_untitled(folder["path"], ext=".ipynb") for _ in range(2)]
        assert [model["name"] for model in made] == ["Untitled.ipynb", "Untitled1.ipynb"]
        assert await names(contents, folder["path"]) == ["Untitled.ipynb", "Untitled1.ipynb"]
        await contents.save({"type": "directory"}, "hdfs/Untitled Folder")
        await contents.save(text(""), "hdfs/a")
        with refused(409, "is a file"):
            await contents.save({"type": "directory"}, "hdfs/a")

    async def test_types_that_do_not_fit(self, contents: ContentsWithHdfs) -> None:
        await contents.save(text(""), "hdfs/a")
        with refused(400, "hdfs/a is not a directory"):
            await contents.get("hdfs/a", type="directory")
        with refused(400, "hdfs is not a file"):
            await contents.get("hdfs", type="file")

    async def test_files_that_do_not_exist(self, contents: ContentsWithHdfs) -> None:
        for path in ("hdfs/missing", "hdfs/../escape", "hdfs/a\0b"):
            with refused(404):
                await contents.get(path)
        for call in (contents.delete("hdfs/missing"), contents.rename("hdfs/missing", "hdfs/a")):
            with refused(404, "hdfs/missing"):
                await call
        assert not await contents.file_exists("hdfs/missing")

    async def test_rename(self, contents: ContentsWithHdfs) -> None:
        await contents.save(notebook("1"), "hdfs/a.ipynb")
        model = await contents.update({"path": "hdfs/b.ipynb"}, "hdfs/a.ipynb")
        validate_model(model)
        assert model["path"] == "hdfs/b.ipynb"
        assert await names(contents, "hdfs") == ["b.ipynb"]
        assert len(await contents.list_checkpoints("hdfs/b.ipynb")) == 1
        assert await contents.list_checkpoints("hdfs/a.ipynb") == []
        await contents.save({"type": "directory"}, "hdfs/d")
        await contents.rename("hdfs/b.ipynb", "hdfs/d/b.ipynb")
        await contents.rename("hdfs/d", "hdfs/e")
        assert await names(contents, "hdfs/e") == ["b.ipynb"]
        assert len(await contents.list_checkpoints("hdfs/e/b.ipynb")) == 1

    async def test_rename_never_replaces(self, contents: ContentsWithHdfs) -> None:
        for name in "ab":
            await contents.save(text(name), f"hdfs/{name}")
        with refused(409, "exists"):
            await contents.rename("hdfs/a", "hdfs/b")
        assert (await contents.get("hdfs/b"))["content"] == "b"

    async def test_the_folder_itself_cannot_be_deleted_or_renamed(
        self, contents: ContentsWithHdfs
    ) -> None:
        for call in (
            contents.delete("hdfs"),
            contents.rename("hdfs", "other"),
            contents.rename("hdfs", "hdfs/a"),
        ):
            with refused(400):
                await call

    async def test_delete(self, contents: ContentsWithHdfs) -> None:
        await contents.save(notebook(), "hdfs/a.ipynb")
        await contents.delete("hdfs/a.ipynb")
        assert await names(contents, "hdfs") == []
        assert await contents.list_checkpoints("hdfs/a.ipynb") == []

    async def test_delete_of_a_folder(self, contents: ContentsWithHdfs) -> None:
        await contents.save({"type": "directory"}, "hdfs/d")
        await contents.save(notebook(), "hdfs/d/a.ipynb")
        with refused(400, "hdfs/d is not empty"):
            await contents.delete("hdfs/d")
        await contents.delete("hdfs/d/a.ipynb")
        await contents.delete("hdfs/d")  # checkpoints alone hold nothing up
        await contents.save({"type": "directory"}, "hdfs/e")
        await contents.save(text(""), "hdfs/e/a")
        drive(contents).always_delete_dir = True
        await contents.delete("hdfs/e")
        assert await names(contents, "hdfs") == []

    async def test_checkpoints(self, contents: ContentsWithHdfs) -> None:
        await contents.save(text("first"), "hdfs/a.txt")
        made = await contents.create_checkpoint("hdfs/a.txt")
        await contents.save(text("second"), "hdfs/a.txt")
        assert await contents.list_checkpoints("hdfs/a.txt") == [made]
        await contents.restore_checkpoint(made["id"], "hdfs/a.txt")
        assert (await contents.get("hdfs/a.txt"))["content"] == "first"
        await contents.save(text("third"), "hdfs/a.txt")
        await contents.create_checkpoint("hdfs/a.txt")
        await contents.save(text("fourth"), "hdfs/a.txt")
        await contents.restore_checkpoint(made["id"], "hdfs/a.txt")
        assert (await contents.get("hdfs/a.txt"))["content"] == "third"
        with refused(404):
            await contents.restore_checkpoint("other", "hdfs/a.txt")
        await contents.delete_checkpoint(made["id"], "hdfs/a.txt")
        assert await contents.list_checkpoints("hdfs/a.txt") == []
        with refused(404):
            await contents.restore_checkpoint(made["id"], "hdfs/a.txt")

    @pytest.mark.parametrize("length", [235, 244, 255])
    async def test_names_as_long_as_hdfs_takes_them(
        self, contents: ContentsWithHdfs, length: int
    ) -> None:
        one, other = (f"hdfs/{'x' * (length - 7)}{end}.ipynb" for end in "ab")
        for path in (one, other):
            await contents.save(notebook(), path)
            assert len(await contents.list_checkpoints(path)) == 1
        await contents.delete(one)
        assert len(await contents.list_checkpoints(other)) == 1

    async def test_two_forms_of_a_name_are_two_files(self, contents: ContentsWithHdfs) -> None:
        await contents.save(text("composed"), "hdfs/caf\u00e9")
        await contents.save(text("decomposed"), "hdfs/cafe\u0301")
        await contents.save(text("decomposed, saved"), "hdfs/cafe\u0301")
        assert (await contents.get("hdfs/caf\u00e9"))["content"] == "composed"
        assert (await contents.get("hdfs/cafe\u0301"))["content"] == "decomposed, saved"

    async def test_hidden_files(self, contents: ContentsWithHdfs) -> None:
        file_system, at = await drive(contents).drive.locate("hdfs/.secret/a")
        await file_system.write(at, b"x")
        assert await names(contents, "hdfs") == []
        assert await contents.is_hidden("hdfs/.secret/a")
        with refused(404):
            await contents.get("hdfs/.secret/a")
        with refused(400, "hidden"):
            await contents.save(text("x"), "hdfs/.b")
        drive(contents).allow_hidden = True
        assert await names(contents, "hdfs") == [".secret"]

    async def test_copy(self, contents: ContentsWithHdfs) -> None:
        await contents.save(text("x"), "hdfs/a.txt")
        copied = await contents.copy("hdfs/a.txt", "hdfs")
        validate_model(copied)
        assert copied["path"] == "hdfs/a-Copy1.txt"
        assert (await contents.copy("hdfs/a.txt", ""))["path"].strip("/") == "a.txt"
        assert (await contents.copy("a.txt", "hdfs"))["path"] == "hdfs/a-Copy2.txt"
        for path in ("hdfs/a-Copy1.txt", "hdfs/a-Copy2.txt", "a.txt"):
            assert (await contents.get(path))["content"] == "x"
        await contents.save({"type": "directory"}, "hdfs/d")
        with refused(400, "directories"):
            await contents.copy("hdfs/d", "")

    async def test_move_between_hdfs_and_the_servers_folder(
        self, contents: ContentsWithHdfs
    ) -> None:
        content = '{"cells": "not a notebook, and kept as it is"}'
        await contents.save(text(content), "a.ipynb")
        moved = await contents.update({"path": "hdfs/b.ipynb"}, "a.ipynb")
        assert moved["path"] == "hdfs/b.ipynb"
        assert (await contents.get("hdfs/b.ipynb", type="file"))["content"] == content
        assert await names(contents, "") == ["hdfs"]
        await contents.rename("hdfs/b.ipynb", "c.ipynb")
        assert (await contents.get("c.ipynb", type="file"))["content"] == content
        assert await names(contents, "hdfs") == []
        assert sorted(await names(contents, "")) == ["c.ipynb", "hdfs"]

    async def test_refused_moves_between_hdfs_and_the_servers_folder(
        self, contents: ContentsWithHdfs
    ) -> None:
        for path in ("a", "hdfs/a", "hdfs/b"):
            await contents.save(text(path), path)
        for path in ("d", "hdfs/e"):
            await contents.save({"type": "directory"}, path)
        with refused(409, "hdfs/a already exists"):
            await contents.rename("a", "hdfs/a")
        with refused(409, "a already exists"):
            await contents.rename("hdfs/b", "a")
        with refused(400, "folders cannot be moved"):
            await contents.rename("d", "hdfs/d")
        with refused(400, "folders cannot be moved"):
            await contents.rename("hdfs/e", "e")
        with refused(404, "missing not found"):
            await contents.rename("missing", "hdfs/c")
        with refused(404, "directory .*not found"):
            await contents.rename("a", "hdfs/missing/a")
        with refused(400, "hidden"):
            await contents.rename("a", "hdfs/.a")
        for path in ("a", "hdfs/a", "hdfs/b"):
            assert (await contents.get(path))["content"] == path

    async def test_a_chunked_upload(self, contents: ContentsWithHdfs) -> None:
        for number, piece in ((1, "one"), (2, "two"), (-1, "end")):
            model = {**text(piece), "chunk": number}
            # As the handler does: the file is new until the last piece has come.
            assert not await contents.file_exists("hdfs/a.bin")
            validate_model(await contents.new(model, "hdfs/a.bin"))
        assert (await contents.get("hdfs/a.bin"))["content"] == "onetwoend"
        with refused(409, "try again"):
            await contents.save({**text("x"), "chunk": 3}, "hdfs/a.bin")

    async def test_files_that_are_too_large_for_memory(self, contents: ContentsWithHdfs) -> None:
        await contents.save(text("12345"), "hdfs/a.txt")
        drive(contents).drive.largest = 4
        with refused(413, "download it"):
            await contents.get("hdfs/a.txt")
        assert (await contents.get("hdfs/a.txt", content=False))["size"] == 5

    async def test_kernels_start_in_the_servers_own_folder(
        self, contents: ContentsWithHdfs
    ) -> None:
        await contents.save(notebook(), "hdfs/a.ipynb")
        assert await contents.get_kernel_path("hdfs/a.ipynb") == ""
        await contents.save({"type": "directory"}, "d")
        assert await contents.get_kernel_path("d/a.ipynb") == "d"

    async def test_hooks_are_called_for_both_folders(self, contents: ContentsWithHdfs) -> None:
        seen: list[str] = []

        def hook(path: str, **_: Any) -> None:
            seen.append(path)

        contents.register_pre_save_hook(hook)
        await contents.save(text(""), "hdfs/a")
        await contents.save(text(""), "b")
        assert seen == ["hdfs/a", "b"]

    async def test_trust(self, contents: ContentsWithHdfs) -> None:
        await contents.save(notebook("1"), "hdfs/a.ipynb")
        await contents.trust_notebook("hdfs/a.ipynb")
