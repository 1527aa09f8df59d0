"""Folders of builds: which are deleted, and what is left."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from yarnhub.environments.errors import BuildError
from yarnhub.environments.local_build.work_folder import ABANDONED_SECONDS, WorkFolder
from yarnhub.environments.threads import Stop

BEGIN = ".yarnhub-environment-"


def test_what_a_killed_build_has_left_is_deleted(tmp_path: Path) -> None:
    killed = tmp_path / f"{BEGIN}{socket.gethostname()}-killed"
    (killed / "environment").mkdir(parents=True)
    (tmp_path / "other").mkdir()
    running = WorkFolder(tmp_path)
    stays = running.make(Stop())
    assert stays.name.startswith(f"{BEGIN}{socket.gethostname()}-")
    next_one = WorkFolder(tmp_path).make(Stop())
    assert {*tmp_path.iterdir()} == {stays, next_one, tmp_path / "other"}
    running.delete(Stop())
    assert not stays.exists()


def test_builds_of_other_machines_on_a_shared_disk(tmp_path: Path) -> None:
    """Their locks are not seen: they are deleted when they are old."""
    young = tmp_path / f"{BEGIN}{socket.gethostname()}-2-young"
    old = tmp_path / f"{BEGIN}elsewhere-old"
    young.mkdir()
    old.mkdir()
    then = young.stat().st_mtime - ABANDONED_SECONDS - 1
    os.utime(old, (then, then))
    work = WorkFolder(tmp_path)
    assert {*tmp_path.iterdir()} == {young, old}
    assert {work.make(Stop()), young} == {*tmp_path.iterdir()}


def test_an_empty_one_is_removed_at_once(tmp_path: Path) -> None:
    work = WorkFolder(tmp_path)
    (work.make(Stop()) / "uv.toml").unlink()
    before = len([*Path("/proc/self/fd").iterdir()])
    assert work.removed()
    assert [*tmp_path.iterdir()] == []
    assert len([*Path("/proc/self/fd").iterdir()]) == before - 1


def test_one_that_was_not_made(tmp_path: Path) -> None:
    work = WorkFolder(tmp_path / "missing")
    with pytest.raises(BuildError, match="cannot be used for builds: No such file"):
        work.make(Stop())
    assert work.removed()
