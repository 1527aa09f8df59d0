from __future__ import annotations

import tarfile
from typing import TYPE_CHECKING

import pytest

from full_disk import files_end_at
from yarnhub.environments.local_build.pack import pack
from yarnhub.environments.problems import Problem, ProblemKind
from yarnhub.environments.threads import Stop, Stopped

if TYPE_CHECKING:
    from pathlib import Path


def ignore(done: int, total: int) -> None:
    pass


def tree(folder: Path) -> Path:
    (folder / "lib").mkdir(parents=True)
    (folder / "bin").mkdir(mode=0o700)
    (folder / "bin" / "tool").write_text("#!/bin/sh\n")
    (folder / "bin" / "tool").chmod(0o4711)
    (folder / "bin" / "link").symlink_to("tool")
    (folder / "lib" / "z.txt").write_text("z" * 100)
    (folder / "lib" / "z.txt").chmod(0o600)
    (folder / "lib" / ("long" * 60)).write_bytes(b"")
    return folder


def test_entries_are_sorted_and_belong_to_root(tmp_path: Path) -> None:
    target = tmp_path / "x.tar.gz"
    packed = pack(tree(tmp_path / "tree"), target, ignore, Stop())
    with tarfile.open(target) as archive:
        members = archive.getmembers()
    assert [each.name for each in members] == [
        *("bin", "bin/link", "bin/tool", "lib", f"lib/{'long' * 60}", "lib/z.txt")
    ]
    assert [oct(each.mode) for each in members if not each.issym()] == [
        *("0o755", "0o755", "0o755", "0o644", "0o644")
    ]
    assert {(each.uid, each.gid, each.mtime) for each in members} == {(0, 0, 1)}
    assert (packed.files, packed.size) == (6, target.stat().st_size)


def test_the_same_files_give_the_same_bytes(tmp_path: Path) -> None:
    one = pack(tree(tmp_path / "one"), tmp_path / "1", ignore, Stop())
    two = pack(tree(tmp_path / "other" / "two"), tmp_path / "2", ignore, Stop())
    assert one.sha256 == two.sha256
    assert (tmp_path / "1").read_bytes() == (tmp_path / "2").read_bytes()


def test_paths_of_the_builder_are_found(tmp_path: Path) -> None:
    folder = tree(tmp_path / "tree")
    (folder / "lib" / "config").write_text(f"root={folder}/share\n")
    path = str(folder).encode()
    # It is read in pieces, of which one ends in the path.
    (folder / "lib" / "large").write_bytes(b"\0" * ((3 << 20) - len(path) // 2) + path)
    packed = pack(folder, tmp_path / "x", ignore, Stop())
    assert packed.problems == (
        Problem("lib/config", ProblemKind.BUILD_PATH),
        Problem("lib/large", ProblemKind.BUILD_PATH),
    )


def test_the_newest_symbol_of_glibc_is_found(tmp_path: Path) -> None:
    folder = tree(tmp_path / "tree")
    assert pack(folder, tmp_path / "1", ignore, Stop()).glibc == ""
    (folder / "lib" / "a.so").write_bytes(b"\x7fELF\0GLIBC_2.9\0GLIBC_2.34\0GLIBC_2.17\0")
    (folder / "lib" / "b.so").write_bytes(b"\x7fELF".ljust((1 << 20) - 5, b"\0") + b"GLIBC_2.35\0")
    (folder / "lib" / "text").write_bytes(b"GLIBC_2.99")
    assert pack(folder, tmp_path / "2", ignore, Stop()).glibc == "2.35"


def test_a_full_disk_is_an_error_and_does_not_hang(tmp_path: Path) -> None:
    folder = tree(tmp_path / "tree")
    noise = b"".join(bytes([value * value % 251]) * (value % 7) for value in range(100_000))
    for number in range(40):
        (folder / "lib" / f"{number}.bin").write_bytes(noise[number:])
    whole = pack(folder, tmp_path / "1", ignore, Stop())
    with files_end_at(whole.size // 2), pytest.raises(OSError, match="File too large"):
        pack(folder, tmp_path / "2", ignore, Stop())


def test_it_can_be_stopped_in_a_large_file(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    with (tmp_path / "tree" / "large").open("wb") as file:
        file.truncate(40 << 20)  # its end is never read
    reads: list[int] = []

    class Later(Stop):
        def check(self) -> None:
            reads.append(1)
            if len(reads) == 5:
                raise Stopped

    with pytest.raises(Stopped):
        pack(tmp_path / "tree", tmp_path / "x", ignore, Later())


def test_it_can_be_stopped(tmp_path: Path) -> None:
    stop = Stop()
    stop.set()
    with pytest.raises(Stopped):
        pack(tree(tmp_path / "tree"), tmp_path / "x", ignore, stop)
