"""Requests to the launcher."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING

import pytest

from integrations.spark.driver.started_kernel import REQUESTS, Answers
from yarnhub.integrations.spark.driver.service import Service, ServiceError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def answers(tmp_path: Path) -> Iterator[Answers]:
    answers = Answers(tmp_path, lambda: ["application_1_1"])
    answers.pair = b"PEM"
    yield answers
    answers.close()


def of_launcher(folder: Path) -> Service:
    return Service({"YARNHUB_REQUESTS": str(folder / REQUESTS)})


def test_requests_are_answered(tmp_path: Path, answers: Answers) -> None:
    service = of_launcher(tmp_path)
    assert service.exists
    assert service.tokens() == b""
    answers.tokens = bytes(range(256)) * 100
    assert service.tokens() == answers.tokens
    assert service.end_spark() == ["application_1_1"]
    service.busy()
    reason = service.why_waiting("application_1_0002", memory=896, vcores=1)
    assert reason == "the queue is full"
    assert answers.asked == ["tokens", "tokens", "end-applications", "busy", "why-waiting"]
    assert service.connect(15002, "secret") == b"PEM"
    service.connect_ended("x" * 10_000)
    assert answers.connect == [
        {"port": 15002, "token": "secret", "generation": 1},
        {"error": "x" * 2000, "generation": 1},
    ]


def test_one_of_several_processes_does_not_report_use(tmp_path: Path, answers: Answers) -> None:
    service = Service({"YARNHUB_REQUESTS": str(tmp_path / REQUESTS)}, "a1")
    service.busy()
    assert service.tokens() == b""
    assert answers.asked == ["tokens"]


def test_a_process_may_have_no_launcher(tmp_path: Path) -> None:
    assert not Service({}).exists
    assert not Service({}).is_missing
    assert not of_launcher(tmp_path).exists
    assert of_launcher(tmp_path).is_missing
    with pytest.raises(ServiceError, match="could not answer 'tokens'"):
        of_launcher(tmp_path).tokens()


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (b'{"error": "no login"}\n', "no login"),
        (b"[]\n", r"\[\]"),
        (b"", "it has closed the connection without an answer"),
        (b"answer\n", "Expecting value"),
        (b'{"size": -1}\n', "size -1"),
        (b'{"size": 99999999}\n', "size 99999999"),
        (b'{"size": 10}\nabc', "the answer is incomplete"),
    ],
)
def test_an_invalid_answer_is_an_error(tmp_path: Path, answer: bytes, problem: str) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / REQUESTS))
        server.listen()

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(ServiceError, match=problem):
            of_launcher(tmp_path).tokens()
        thread.join()
