"""Environments that containers unpack: what a kernel's prologue does on a node."""

from __future__ import annotations

import io
import os
import signal
import stat
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from yarnhub.kernels import environment_cache
from yarnhub.kernels.environment import Environment
from yarnhub.kernels.environment_cache import RefusedError, prepare, usual_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

KIBIBYTE, MEBIBYTE = 1 << 10, 1 << 20
GIVEN = {"archive": "hdfs:///e.tar.gz", "unpack": "container"}


def packed(name: str, size: int = 0, *others: str) -> bytes:
    """An archive whose program prints its name, with a file of so many random bytes, and others."""
    written = io.BytesIO()
    program = f"#!/bin/sh\necho {name}\n".encode()
    files = {"bin/program": program, "random": os.urandom(size)}
    with tarfile.open(fileobj=written, mode="w:gz", compresslevel=1) as archive:
        for path, content in {**files, **dict.fromkeys(others, b"")}.items():
            member = tarfile.TarInfo(path)
            member.size, member.mode = len(content), 0o755
            archive.addfile(member, io.BytesIO(content))
    return written.getvalue()


@dataclass
class Node:
    """A node, with the folder of its user's caches."""

    folder: Path
    containers: int = 0

    @property
    def cache(self) -> Path:
        return self.folder / "usercache" / "alice" / "yarnhub" / "environments"

    @property
    def environments(self) -> set[Path]:
        return {each for each in self.cache.iterdir() if each.is_dir()}

    def start(
        self, archive: bytes, *, room: int = 1 << 30, line: str = "program"
    ) -> subprocess.Popen[str]:
        """Start a container, which runs a line of the shell in the environment."""
        self.containers += 1
        user = self.folder / "usercache" / "alice"
        application = user / "appcache" / "application_1_0001"
        container = application / f"container_{self.containers}"
        container.mkdir(parents=True)
        (container / "environment.tar.gz").write_bytes(archive)
        given = Environment.read({**GIVEN, "cache_size": room})
        return subprocess.Popen(
            ["bash", "-c", f"{given.prologue}{line}"],
            cwd=container,
            env={"PATH": os.defpath, "LOCAL_DIRS": f"{application},/other/disk"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, archive: bytes, *, room: int = 1 << 30, line: str = "program") -> str:
        """What the line prints."""
        out, error = self.start(archive, room=room, line=line).communicate(timeout=60)
        assert error == ""
        return out.strip()

    def refused(self, archive: bytes) -> str:
        """What a container prints that cannot start."""
        process = self.start(archive)
        out, error = process.communicate(timeout=60)
        assert (process.returncode, out) == (1, "")
        return error.strip()


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)


@pytest.fixture
def running(node: Node) -> Iterator[subprocess.Popen[str]]:
    """A container that runs until its input ends."""
    process = node.start(packed("first", MEBIBYTE), line="program; read -r _")
    assert process.stdout is not None
    assert process.stdout.readline() == "first\n"
    with process:
        yield process
        process.kill()


def test_an_environment_is_unpacked_once(node: Node) -> None:
    archive = packed("first")
    line = "program; realpath environment"
    first = node.run(archive, line=line)
    (unpacked,) = node.environments
    assert first.splitlines() == ["first", str(unpacked)]
    made = unpacked.stat().st_ino
    assert node.run(archive, line=line) == first
    assert [each.stat().st_ino for each in node.environments] == [made]
    assert stat.S_IMODE((unpacked / "bin" / "program").stat().st_mode) == 0o555


def test_containers_that_start_at_the_same_time(node: Node) -> None:
    archive = packed("first", 1 << 20)
    started = [node.start(archive, line="stat -c %i environment/") for _ in range(4)]
    printed = [each.communicate(timeout=60) for each in started]
    assert {error for _, error in printed} == {""}
    assert len({out for out, _ in printed}) == 1
    assert len(node.environments) == 1


def test_the_least_recently_used_are_deleted(node: Node) -> None:
    first, second, third = (packed(name, MEBIBYTE) for name in ("first", "second", "third"))
    room = 5 * MEBIBYTE // 2
    node.run(first, room=room)
    node.run(second, room=room)
    node.run(first, room=room)
    before = node.environments
    assert node.run(third, room=room) == "third"
    assert len(node.environments & before) == 1
    kept = {(each / "bin" / "program").read_text().split()[-1] for each in node.environments}
    assert kept == {"first", "third"}
    assert node.run(second, room=room) == "second"


def test_an_environment_in_use_is_kept(node: Node, running: subprocess.Popen[str]) -> None:
    (used,) = node.environments
    assert node.run(packed("second"), room=MEBIBYTE) == "second"
    assert used in node.environments
    running.communicate(timeout=60)
    assert node.run(packed("third", MEBIBYTE), room=MEBIBYTE) == "third"
    assert len(node.environments) == 1
    assert used not in node.environments


@pytest.mark.parametrize("following", ["the same", "another one"])
def test_what_a_killed_container_leaves_is_deleted(
    node: Node, tmp_path: Path, following: str
) -> None:
    archive = packed("first", 64 * KIBIBYTE)
    assert node.run(packed("other")) == "other"
    (tmp_path / "archive").write_bytes(archive)
    lock = prepare(tmp_path / "archive", node.cache.parent)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    descriptor = os.open(lock, os.O_RDWR)
    command = [sys.executable, environment_cache.__file__, "unpack", str(pipe), str(lock)]
    arguments = [*command, str(descriptor), str(MEBIBYTE)]
    process = subprocess.Popen(arguments, cwd=tmp_path, pass_fds=[descriptor])
    with pipe.open("wb", buffering=0) as writer:
        writer.write(archive[: 32 * KIBIBYTE])
        partial = lock.with_suffix(".partial")
        while not (partial / "random").exists():
            assert process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait(60)
    os.close(descriptor)
    assert partial in node.environments
    assert lock.with_suffix("") not in node.environments
    assert node.run(archive if following == "the same" else packed("first")) == "first"
    assert partial not in node.environments


def test_a_damaged_archive(node: Node) -> None:
    archive = packed("first", 64 * KIBIBYTE)
    said = node.refused(archive[:-100])
    assert said.startswith("The environment cannot be unpacked: Compressed file ended before")
    assert "not a gzip file" in node.refused(b"damaged")
    assert node.environments == set()
    for path in ("../outside", "/outside"):
        assert f"the archive has {path!r}" in node.refused(packed("first", 0, path))


def test_a_node_without_python(node: Node, tmp_path: Path) -> None:
    ran = subprocess.run(
        ["/bin/bash", "-c", Environment.read(GIVEN).prologue],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 1
    assert ran.stderr == "The environment cannot be unpacked: this node has no python3.\n"


def foreign(folder: Path) -> Path:
    """A folder of another user."""
    if os.geteuid() != 0:
        return Path("/")
    folder.mkdir(mode=0o700)
    os.chown(folder, 12345, 12345)
    return folder


def linked(folder: Path) -> Path:
    folder.with_name("target").mkdir(mode=0o700)
    folder.symlink_to("target")
    return folder


def shared(folder: Path) -> Path:
    folder.mkdir()
    folder.chmod(0o770)
    return folder


@pytest.mark.parametrize(
    ("make", "said"),
    [(foreign, "belongs to the user"), (linked, "is not a folder"), (shared, "has the mode 770")],
)
def test_a_folder_that_others_could_change_is_refused(
    tmp_path: Path, make: type[Path], said: str
) -> None:
    archive = tmp_path / "archive"
    archive.touch()
    folder = make(tmp_path / "folder")
    with pytest.raises(RefusedError, match=said):
        prepare(archive, folder)


def test_the_usual_folder(tmp_path: Path) -> None:
    application = tmp_path / "usercache" / "alice" / "appcache" / "application_1_1"
    application.mkdir(parents=True)
    mine = f"yarnhub-{os.geteuid()}"
    assert usual_folder({"LOCAL_DIRS": f"{application},/x"}) == tmp_path / "usercache/alice/yarnhub"
    elsewhere = {"LOCAL_DIRS": "/missing/appcache/application_1_1", "TMPDIR": "/scratch"}
    assert usual_folder(elsewhere) == Path("/scratch") / mine
    assert usual_folder({"LOCAL_DIRS": str(tmp_path / "a" / "b")}) == Path("/tmp") / mine
    assert usual_folder({}) == Path("/tmp") / mine
