"""Programs that run once, or until they succeed."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from yarnhub.cluster.errors import ClusterError
from yarnhub.cluster.processes.run import run_program, run_with_retries

if TYPE_CHECKING:
    from pathlib import Path

THIRD_TIME = """\
import pathlib, sys
count = pathlib.Path(sys.argv[1])
count.write_text(count.read_text() + sys.stdin.read() if count.exists() else sys.stdin.read())
sys.exit("NameNode still not started" if len(count.read_text()) < int(sys.argv[2]) else 0)
"""


def refused_until(count: Path, number: int) -> list[str]:
    return [sys.executable, "-c", THIRD_TIME, str(count), str(number)]


async def test_a_server_that_still_starts_is_asked_again(tmp_path: Path) -> None:
    command = refused_until(tmp_path / "count", 3)
    await run_with_retries(command, {}, stdin=b"x", deadline=30, give_up=lambda: False)
    assert (tmp_path / "count").read_text() == "xxx"


async def test_what_the_server_said_last_is_told_at_the_deadline(tmp_path: Path) -> None:
    command = refused_until(tmp_path / "count", 1000)
    with pytest.raises(ClusterError, match="NameNode still not started"):
        await run_with_retries(command, {}, stdin=b"x", deadline=5, give_up=lambda: False)
    assert len((tmp_path / "count").read_text()) > 1


async def test_a_server_that_has_ended_is_not_asked_again(tmp_path: Path) -> None:
    command = refused_until(tmp_path / "count", 1000)
    with pytest.raises(ClusterError, match="NameNode still not started"):
        await run_with_retries(command, {}, stdin=b"x", deadline=30, give_up=lambda: True)
    assert (tmp_path / "count").read_text() == "x"


async def test_a_program_that_hangs_is_ended(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match=r"did not finish within 0\.5 s"):
        await run_program([sys.executable, "-c", "import time; time.sleep(60)"], {}, deadline=0.5)
