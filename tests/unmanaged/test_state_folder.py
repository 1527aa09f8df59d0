from __future__ import annotations

import errno
import os
import re
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from full_disk import files_end_at
from yarnhub.base.errors import ConfigurationError
from yarnhub.hadoop.wire.tokens import Token, TokenStorage
from yarnhub.unmanaged.state_folder import StateFolder

if TYPE_CHECKING:
    from pathlib import Path

A, B = "application_1_0001", "application_1_0002"
KEPT = TokenStorage({"t": Token(b"id", b"secret", "kind", "t")}, {"key": b"pem"})


@pytest.fixture
def folder(tmp_path: Path) -> StateFolder:
    folder = StateFolder(tmp_path / "a" / "b")
    with folder.held():
        return folder


def names(folder: StateFolder) -> list[str]:
    return sorted(each.name for each in folder.path.iterdir())


async def test_what_is_kept_is_read_again_and_nobody_else_can(folder: StateFolder) -> None:
    folder.keep(B, TokenStorage())
    folder.keep(A, KEPT)
    await folder.journal(A).append([b"{}"])
    folder.keep_port(8123)
    assert folder.applications() == [A, B]
    assert folder.read(A) == KEPT
    assert await folder.journal(A).load() == [b"{}"]
    assert folder.port == 8123
    modes = {stat.S_IMODE(each.stat().st_mode) for each in folder.path.iterdir()}
    assert modes == {0o600}
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700


async def test_of_what_is_forgotten_nothing_is_left(folder: StateFolder) -> None:
    folder.keep(A, KEPT)
    await folder.journal(A).append([b"{}"])
    folder.forget(A)
    folder.forget(B)
    assert names(folder) == ["lock"]


async def test_what_a_kill_left_half_done_is_swept(folder: StateFolder) -> None:
    folder.keep(A, KEPT)
    await folder.journal(A).append([b"{}"])
    await folder.journal(B).append([b"{}"])  # was being forgotten
    (folder.path / f".{B}.tokens.123").write_bytes(b"half")  # was being written
    (folder.path / f".{B}.journal.123").write_bytes(b"half")
    assert folder.applications() == [A]
    assert names(folder) == [f"{A}.journal", f"{A}.tokens", "lock"]


def test_one_process_at_a_time(folder: StateFolder) -> None:
    other = StateFolder(folder.path)
    refused = pytest.raises(ConfigurationError, match="run by another process already")
    with folder.held(), refused, other.held():
        pass
    with folder.held():
        pass


def test_a_folder_that_others_can_enter_is_refused(folder: StateFolder) -> None:
    folder.path.chmod(0o750)
    with pytest.raises(ConfigurationError, match="chmod 700"), folder.held():
        pass


def test_a_place_that_cannot_be_a_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    folder = StateFolder(tmp_path / "file" / "folder")
    refused = pytest.raises(ConfigurationError, match=r"cannot be stored in .*: Not a directory")
    with refused, folder.held():
        pass


def test_there_is_no_port_before_the_first(folder: StateFolder) -> None:
    assert folder.port == 0


async def test_a_full_disk_takes_nothing_of_what_was_kept(folder: StateFolder) -> None:
    folder.keep(A, KEPT)
    before = names(folder)
    with files_end_at(5), pytest.raises(ConfigurationError, match="too large"):
        folder.keep(A, TokenStorage())
    with files_end_at(5), pytest.raises(ConfigurationError, match="too large"):
        folder.keep(B, KEPT)
    assert names(folder) == before
    assert folder.read(A) == KEPT
    folder.keep(B, KEPT)
    assert folder.applications() == [A, B]


@pytest.mark.parametrize("content", [b"", b"\0" * 24, b"\xff", b"held-by-", b"x" * 24])
def test_a_damaged_tag_is_replaced(folder: StateFolder, content: bytes) -> None:
    before = folder.made_tag()
    assert folder.made_tag() == before
    (folder.path / "tag").write_bytes(content)
    tag = folder.made_tag()
    assert re.fullmatch("held-by-[0-9a-f]{16}", tag)
    assert tag == folder.made_tag() != before


def test_what_is_somebody_elses_is_never_deleted(folder: StateFolder) -> None:
    theirs = ["hub.keytab", "jupyterhub.sqlite", "jupyterhub_config.py", ".tokens", "a.tokens"]
    for name in theirs:
        (folder.path / name).write_text("of great value")
    (folder.path / "lost+found").mkdir()
    folder.keep(A, KEPT)
    folder.applications()
    assert names(folder) == sorted([*theirs, f"{A}.tokens", "lock", "lost+found"])


def test_a_folder_of_something_else_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    """The hub's own folder, say, named as that of its applications by mistake."""
    (tmp_path / "hub.keytab").write_text("of great value")
    tmp_path.chmod(0o700)
    for call in (
        lambda: StateFolder(tmp_path).held().__enter__(),
        lambda: StateFolder(tmp_path).secret(),
    ):
        with pytest.raises(ConfigurationError, match=r"not empty, .* it contains 'hub.keytab'"):
            call()
    assert [each.name for each in tmp_path.iterdir()] == ["hub.keytab"]


def test_an_empty_disk_is_taken(tmp_path: Path) -> None:
    (tmp_path / "lost+found").mkdir()
    tmp_path.chmod(0o700)
    with StateFolder(tmp_path).held():
        pass
    assert sorted(each.name for each in tmp_path.iterdir()) == ["lock", "lost+found"]


def test_a_secret_is_made_once_and_kept(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path / "new")
    secret = folder.secret()
    assert len(secret) == 32
    with folder.held():
        folder.applications()
        assert (
            StateFolder(folder.path).secret() == secret != StateFolder(tmp_path / "other").secret()
        )
    assert stat.S_IMODE((folder.path / "secret").stat().st_mode) == 0o600


@pytest.mark.parametrize("content", [b"", b"short"])
def test_a_damaged_secret_is_told_and_kept(folder: StateFolder, content: bytes) -> None:
    (folder.path / "secret").write_bytes(content)
    with pytest.raises(ConfigurationError, match="is damaged; restore it"):
        folder.secret()
    assert (folder.path / "secret").read_bytes() == content


def test_what_cannot_be_written_leaves_nothing_half_done(
    folder: StateFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.keep(A, KEPT)

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ConfigurationError, match=r"cannot be stored in .*: No space left"):
        folder.keep(A, TokenStorage())
    with pytest.raises(ConfigurationError, match="No space left"):
        folder.made_tag()
    folder.keep_port(8123)  # only the next process misses it
    assert names(folder) == [f"{A}.tokens", "lock"]
    assert folder.read(A) == KEPT


def test_one_process_at_a_time_knows_its_own_by_the_secret(tmp_path: Path) -> None:
    folder = tmp_path / "applications"
    claiming = "import sys, pathlib; from yarnhub.unmanaged.state_folder import StateFolder; "
    claiming += (
        "StateFolder(pathlib.Path(sys.argv[1])).claim(); print('claimed', flush=True); input()"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", claiming, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with other:
        assert other.stdout is not None
        assert other.stdout.readline() == "claimed\n"
        with pytest.raises(ConfigurationError, match="used by another process already"):
            StateFolder(folder).claim()
        with StateFolder(folder).held():
            pass  # whoever holds applications is another matter
        other.kill()
    StateFolder(folder).claim()
