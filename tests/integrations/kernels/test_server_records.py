"""What servers store of their kernels."""

from __future__ import annotations

import errno
import stat
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from yarnhub.base.files import write_private
from yarnhub.integrations.kernels import server_records
from yarnhub.integrations.kernels.server_records import ServerKernelRecord, ServerKernelRecords

if TYPE_CHECKING:
    from pathlib import Path

RECORD = ServerKernelRecord(id="a", name="science", cwd="/x", env={"KERNEL_QUEUE": "research"})


def test_a_later_server_has_the_records(tmp_path: Path) -> None:
    first = ServerKernelRecords(tmp_path / "kept")
    first.put(RECORD)
    first.change("a", session="s")
    first.change("unknown", session="s")
    file = first.folder / "kernel-a.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "research" not in repr(RECORD)
    first.release()
    second = ServerKernelRecords(tmp_path / "kept")
    (found,) = second
    assert (found.session, found.env, second.get("a")) == ("s", RECORD.env, found)
    second.remove("a")
    second.remove("a")
    assert not file.exists()


def test_servers_at_the_same_time_have_folders_of_their_own(tmp_path: Path) -> None:
    first, second = ServerKernelRecords(tmp_path), ServerKernelRecords(tmp_path)
    assert first.folder != second.folder
    first.put(RECORD)
    first.release()
    assert ServerKernelRecords(tmp_path).folder == first.folder
    assert list(second) == []


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"id": "a"}', b"\xff", b"1"])
def test_a_damaged_record_is_ignored(tmp_path: Path, content: bytes) -> None:
    first = ServerKernelRecords(tmp_path)
    first.put(RECORD)
    (first.folder / "kernel-b.json").write_bytes(content)
    first.release()
    assert list(ServerKernelRecords(tmp_path)) == [RECORD]


def test_a_record_of_a_later_version_is_read(tmp_path: Path) -> None:
    first = ServerKernelRecords(tmp_path)
    (first.folder / "kernel-a.json").write_text('{"id": "a", "name": "b", "later": 1}')
    first.release()
    assert [each.name for each in ServerKernelRecords(tmp_path)] == ["b"]


def test_what_a_killed_server_was_writing_is_deleted(tmp_path: Path) -> None:
    first = ServerKernelRecords(tmp_path)
    first.put(RECORD)
    (first.folder / ".kernel-a.json.123").write_text("{")
    first.release()
    second = ServerKernelRecords(tmp_path)

    assert sorted(path.name for path in second.folder.iterdir()) == ["kernel-a.json", "lock"]


async def test_a_record_is_changed_beside_the_event_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = ServerKernelRecords(tmp_path)
    first.put(RECORD)
    threads: list[threading.Thread] = []

    def write(path: Path, content: bytes) -> None:
        threads.append(threading.current_thread())
        write_private(path, content)

    monkeypatch.setattr(server_records, "write_private", write)

    await first.change_aside("a", session="s")
    await first.change_aside("a", session="s")
    await first.change_aside("unknown", session="s")

    assert len(threads) == 1
    assert threads[0] is not threading.current_thread()
    first.release()
    (found,) = ServerKernelRecords(tmp_path)
    assert found.session == "s"


async def test_a_record_that_was_removed_meanwhile_is_not_written(tmp_path: Path) -> None:
    records = ServerKernelRecords(tmp_path)
    records.put(RECORD)
    records.remove("a")
    records._write("a")
    assert not list(records.folder.glob("*.json"))


def test_sessions_are_stored_with_kernels_that_start_later_and_outlive_a_server(
    tmp_path: Path,
) -> None:
    session = {"session_id": "s", "path": "a.ipynb"}
    first = ServerKernelRecords(tmp_path)
    first.put_sessions({"a": [session]})
    first.put(replace(RECORD, sessions=first.sessions("a")))
    first.release()
    second = ServerKernelRecords(tmp_path)
    assert second.sessions("a") == [session]
    second.put_sessions({})
    assert second.sessions("a") == []


def test_a_record_that_cannot_be_written_keeps_no_other_from_its_sessions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(file: Path, content: bytes) -> None:
        if file.name == "kernel-a.json":
            raise OSError(errno.ENOSPC, "No space left on device")
        write_private(file, content)

    records = ServerKernelRecords(tmp_path)
    records.put(RECORD)
    records.put(replace(RECORD, id="b"))
    monkeypatch.setattr(server_records, "write_private", full)
    records.put_sessions({"a": [{"path": "a"}], "b": [{"path": "b"}]})
    found = records.get("b")
    assert found is not None
    assert found.sessions == [{"path": "b"}]
