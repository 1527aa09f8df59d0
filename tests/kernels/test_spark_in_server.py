"""What kernels of a user's server find in its container."""

from __future__ import annotations

import asyncio
import socket
import stat
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from yarnhub.base.errors import ConfigurationError
from yarnhub.integrations.spark.driver.service import Service, ServiceError
from yarnhub.kernels import spark_in_server
from yarnhub.kernels.protocol import MAX_REQUESTS, Answer, Ask, line, read_request
from yarnhub.kernels.spark_in_server import prepare

if TYPE_CHECKING:
    from pathlib import Path


def refuse(received: bytes) -> bytes:
    raise ConfigurationError(f"the hub sleeps: {received.decode().strip()}")


def python(folder: Path, variables: dict[str, str], code: str) -> str:
    """What an interactive Python in the server's terminal prints."""
    done = subprocess.run(
        [sys.executable, "-i", "-q"],
        input=code,
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.stdout


def test_other_programs_that_read_the_startup_file_are_as_before(tmp_path: Path) -> None:
    variables: dict[str, str] = {}
    prepare(variables, tmp_path, refuse)
    assert python(tmp_path, variables, "print([n for n in dir() if 'yarn' in n])\n") == "[]\n"


def test_the_user_s_own_startup_file_is_run(tmp_path: Path) -> None:
    theirs = tmp_path / "theirs.py"
    theirs.write_text("mine = 41\n")
    variables = {"PYTHONSTARTUP": str(theirs)}
    prepare(variables, tmp_path, refuse)
    assert variables["PYTHONSTARTUP"] != str(theirs)
    assert python(tmp_path, variables, "print(mine + 1)\n") == "42\n"


async def test_requests_reach_the_hub_from_any_folder(tmp_path: Path) -> None:
    asked: list[bytes] = []

    def ask(received: bytes) -> bytes:
        asked.append(received)
        return line(Answer(size=3)) + b"\0\1\2"

    deep = tmp_path / ("long" * 30)  # a socket's name may have 107 characters
    deep.mkdir()
    variables: dict[str, str] = {}
    prepare(variables, deep, ask)
    service = Service(variables, "a1")
    assert service.exists
    assert await asyncio.to_thread(service.tokens) == b"\0\1\2"
    assert asked == [b'{"ask": "tokens", "part": "a1"}\n']


def test_what_the_hub_refuses_is_told_in_words(tmp_path: Path) -> None:
    variables: dict[str, str] = {}
    prepare(variables, tmp_path, refuse)
    with pytest.raises(ServiceError, match="the hub sleeps: "):
        Service(variables).end_spark()


def test_a_client_that_sends_nothing_keeps_nobody_from_asking(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spark_in_server, "_CONNECT", 0.2)
    variables: dict[str, str] = {}
    prepare(variables, tmp_path, lambda _: line(Answer()))
    with socket.socket(socket.AF_UNIX) as silent:
        silent.connect(variables["YARNHUB_REQUESTS"])
        Service(variables).busy()
        assert silent.recv(100) == b""


def test_other_users_of_the_node_cannot_ask(tmp_path: Path) -> None:
    variables: dict[str, str] = {}
    prepare(variables, tmp_path, refuse)
    (folder,) = tmp_path.iterdir()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert (folder / "requests").is_socket()


class Asked:
    """A hub that has not answered requests of a kind yet."""

    def __init__(self, kind: Ask) -> None:
        self.kind = kind
        self.full = threading.Barrier(MAX_REQUESTS + 1)
        self.answers = threading.Event()
        self._open = threading.BoundedSemaphore(MAX_REQUESTS)

    def __call__(self, received: bytes) -> bytes:
        if read_request(received).ask is self.kind:
            assert self._open.acquire(blocking=False)
            if not self.answers.is_set():
                self.full.wait(60)
            assert self.answers.wait(60)
            self._open.release()
        return line(Answer())


def test_kernels_that_wait_for_executors_keep_no_other_from_its_tokens(tmp_path: Path) -> None:
    variables: dict[str, str] = {}
    hub = Asked(Ask.WHY_WAITING)
    prepare(variables, tmp_path, hub)
    with ThreadPoolExecutor() as pool:
        waiting = [
            pool.submit(Service(variables, f"{at}").why_waiting, "a", memory=1, vcores=1)
            for at in range(MAX_REQUESTS)
        ]
        hub.full.wait(60)
        assert Service(variables, "other").tokens() == b""
        hub.answers.set()
    assert [each.result() for each in waiting] == [""] * MAX_REQUESTS


def test_one_notebook_more_waits_for_its_tokens(tmp_path: Path) -> None:
    variables: dict[str, str] = {}
    hub = Asked(Ask.TOKENS)
    prepare(variables, tmp_path, hub)
    with ThreadPoolExecutor() as pool:
        first = [pool.submit(Service(variables).tokens) for _ in range(MAX_REQUESTS)]
        hub.full.wait(60)
        more = pool.submit(Service(variables).tokens)
        # When this one has been answered, the one before has been accepted.
        Service(variables).end_spark()
        hub.answers.set()
        assert more.result() == b""
    assert [each.result() for each in first] == [b""] * MAX_REQUESTS


def test_it_does_not_wait_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spark_in_server, "_PLACE", 0.01)
    variables: dict[str, str] = {}
    hub = Asked(Ask.TOKENS)
    prepare(variables, tmp_path, hub)
    with ThreadPoolExecutor() as pool:
        first = [pool.submit(Service(variables).tokens) for _ in range(MAX_REQUESTS)]
        hub.full.wait(60)
        with pytest.raises(ServiceError, match=f"more than {MAX_REQUESTS} requests at once"):
            Service(variables).tokens()
        hub.answers.set()
    assert [each.result() for each in first] == [b""] * MAX_REQUESTS
