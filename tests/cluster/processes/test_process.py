"""Processes are identified reliably, and all processes of a cluster are found."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

import pytest

from yarnhub.cluster.processes.process import (
    MARK,
    Process,
    is_alive,
    marked_processes,
    send_signal,
    start_process,
    stop_processes,
    wait_until_gone,
)
from yarnhub.cluster.processes.shutdown import stop_cluster

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ENVIRONMENT = {"PATH": "/usr/bin:/bin"}


@pytest.fixture
def started() -> Iterator[list[Process]]:
    processes: list[Process] = []
    yield processes
    for process in processes:
        send_signal(process, signal.SIGKILL)


def start(folder: Path, *command: str, **variables: str) -> Process:
    return start_process(command, ENVIRONMENT | variables, folder=folder, log=folder / "log")


async def test_a_process_runs_in_its_folder_and_is_logged(tmp_path: Path) -> None:
    process = start(tmp_path, "/bin/sh", "-c", "pwd; echo wrong >&2")
    assert await wait_until_gone([process], deadline=60)
    assert (tmp_path / "log").read_text() == f"{tmp_path}\nwrong\n"


async def test_it_ends_when_asked(tmp_path: Path, started: list[Process]) -> None:
    process = start(tmp_path, "sleep", "600")
    started.append(process)
    assert is_alive(process)
    assert await stop_processes([process], grace_period=10)
    assert not is_alive(process)


async def test_it_is_killed_when_asking_does_not_help(
    tmp_path: Path, started: list[Process]
) -> None:
    ignoring = "import signal, time; signal.signal(15, signal.SIG_IGN); print(flush=True)"
    process = start(tmp_path, sys.executable, "-c", f"{ignoring}; time.sleep(600)")
    started.append(process)
    while not (tmp_path / "log").read_text():
        assert not await wait_until_gone([process], deadline=0.05)
    assert await stop_processes([process], grace_period=0.1)


def test_another_process_of_the_same_number_is_left_alone() -> None:
    impostor = Process(os.getpid(), "another-boot/1")
    assert not is_alive(impostor)
    send_signal(impostor, signal.SIGKILL)


async def test_ending_finds_daemons_containers_and_what_those_started(
    tmp_path: Path, started: list[Process]
) -> None:
    daemon = start(tmp_path, "sleep", "600", **{MARK: str(tmp_path)})
    container = start(tmp_path, "/bin/sh", "-c", "env -i sleep 600; true", **{MARK: str(tmp_path)})
    other = start(tmp_path, "sleep", "600", **{MARK: f"{tmp_path}-2"})
    started += [daemon, container, other]
    while len(marked_processes(tmp_path)) < 3:
        assert not await wait_until_gone([container], deadline=0.05)
    await stop_cluster(tmp_path, [daemon])
    assert marked_processes(tmp_path) == []
    assert is_alive(other)
