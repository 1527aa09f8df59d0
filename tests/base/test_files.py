"""Files that others name, and files that only their owner can read."""

from __future__ import annotations

import os
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from yarnhub.base.files import is_own, open_regular, read_limited, read_regular, write_private


@pytest.fixture(params=["device", "pipe", "socket", "folder", "pipe behind a link"])
def odd(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "odd"
    match request.param:
        case "device":
            return Path("/dev/zero")
        case "pipe":
            os.mkfifo(path)
        case "socket":
            monkeypatch.chdir(tmp_path)  # the names of sockets are short
            with socket.socket(socket.AF_UNIX) as bound:
                bound.bind("odd")
        case "folder":
            path.mkdir()
        case _:
            os.mkfifo(tmp_path / "pipe")
            path.symlink_to("pipe")
    return path


def test_what_is_no_regular_file_is_refused_and_not_waited_for(odd: Path) -> None:
    with pytest.raises(OSError, match=r"not a regular file but a (device|pipe|socket|folder)"):
        open_regular(odd)


def test_a_file_is_read_as_far_as_allowed(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"12345")
    assert read_regular(path, 5) == b"12345"
    with pytest.raises(OSError, match="more than 4 bytes"):
        read_regular(path, 4)
    with pytest.raises(OSError, match="more than 1000 bytes"):
        read_limited(Path("/dev/zero"), 1000)


def test_threads_that_write_one_file_neither_fail_nor_mix(tmp_path: Path) -> None:
    path, begin = tmp_path / "file", threading.Barrier(4)

    def write(number: int) -> set[bytes]:
        found = set()
        begin.wait(60)
        for _ in range(50):
            write_private(path, bytes([number]) * 5000)
            found.add(path.read_bytes())
        return found

    with ThreadPoolExecutor(4) as pool:
        found = set().union(*pool.map(write, range(4)))
    assert found <= {bytes([number]) * 5000 for number in range(4)}
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


def test_a_file_that_only_this_user_can_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, link = tmp_path / "file", tmp_path / "link"
    assert not is_own(file)
    file.touch(0o600)
    link.symlink_to(file)
    assert is_own(file)
    assert not is_own(link)
    assert not is_own(tmp_path)
    for mode in (0o620, 0o602):
        file.chmod(mode)
        assert not is_own(file)
    file.chmod(0o644)
    assert is_own(file)
    user = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: user + 1)
    assert not is_own(file)
