"""Records of kernels: written for their user only, and found whatever happens to them."""

from __future__ import annotations

import logging
import os
import stat
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from full_disk import files_end_at
from kernels.contract import kernel_request
from yarnhub.base.errors import ConfigurationError
from yarnhub.control.outcomes import Cause, Outcome
from yarnhub.kernels.records import KernelRecord, KernelRecords
from yarnhub.spec import File

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "kernels"


@pytest.fixture
def records(folder: Path) -> KernelRecords:
    made = KernelRecords(folder)
    assert made.read() == []
    return made


def record(created: float = 1.0) -> KernelRecord:
    request = kernel_request(
        "/python",
        env={"SECRET": "s3cret"},
        files={"data": File(source="hdfs:///data")},
        resource_types={"yarn.io/gpu": 1},
    )
    return KernelRecord(
        request=request, key="the key", created=created, application="application_1_0001"
    )


def test_what_was_kept_is_read_oldest_first(records: KernelRecords, folder: Path) -> None:
    new, old = record(2.0), record(1.0)
    for each in (new, old):
        assert records.keep(each)
    assert records.read() == [old, new]
    ended = replace(new, outcome=Outcome(cause=Cause.MEMORY, exit_code=-104))
    records.keep(ended)
    records.forget(old.request.id)
    records.forget(old.request.id)
    assert records.read() == [ended]
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    (file,) = folder.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_no_secret_is_shown() -> None:
    assert "s3cret" not in repr(record())
    assert "the key" not in repr(record())


DAMAGES = (b"", b"{}", b"\xff" * 10, b'{"request": {"id": 1}}', b"[" * 100_000)


@pytest.mark.parametrize("content", DAMAGES, ids=range(len(DAMAGES)))
def test_a_damaged_record_is_set_aside(
    records: KernelRecords, folder: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    good, bad = record(), record()
    records.keep(good)
    path = folder / f"{bad.request.id}.json"
    path.write_bytes(content)
    assert records.read() == [good]
    assert f"{path} is damaged and set aside" in caplog.text
    assert path.with_name(f"{path.name}.damaged").read_bytes() == content
    caplog.clear()
    assert records.read() == [good]
    assert not caplog.records


def test_a_record_of_another_id_is_damaged(records: KernelRecords, folder: Path) -> None:
    good, other = record(), record()
    records.keep(good)
    (folder / f"{other.request.id}.json").write_bytes(
        (folder / f"{good.request.id}.json").read_bytes()
    )
    assert records.read() == [good]


def test_what_is_not_a_record_is_left_alone(records: KernelRecords, folder: Path) -> None:
    good = record()
    records.keep(good)
    (folder / "notes.txt").write_text("mine")
    half = folder / f".{good.request.id}.json.123"
    half.write_text("half")
    os.mkfifo(folder / f"{record().request.id}.json")  # to open one would wait for ever
    assert records.read() == [good]
    assert not half.exists()
    assert (folder / "notes.txt").exists()


def test_a_full_disk_is_survived(
    records: KernelRecords, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    kept = record()
    records.keep(kept)
    with files_end_at(100):
        assert not records.keep(replace(kept, created=5.0))
        assert not records.keep(record())
    assert "cannot be written" in caplog.text
    assert "s3cret" not in caplog.text
    assert records.read() == [kept]
    assert len(list(folder.iterdir())) == 1


def test_a_folder_that_others_can_enter_is_refused(records: KernelRecords, folder: Path) -> None:
    folder.chmod(0o755)
    with pytest.raises(ConfigurationError, match="chmod 700"):
        records.read()
    folder.chmod(0o700)
    folder.rmdir()
    folder.write_text("")
    with pytest.raises(ConfigurationError, match="cannot be kept"):
        records.read()
