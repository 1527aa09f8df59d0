"""What is ended on YARN, when the JVM has not done it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from integrations.spark.driver.started_kernel import REQUESTS, Answers
from yarnhub.integrations.spark.driver import session
from yarnhub.integrations.spark.driver.cells import Cells
from yarnhub.integrations.spark.driver.scala import Scala, ScalaError
from yarnhub.integrations.spark.driver.service import Service
from yarnhub.integrations.spark.driver.session import Sessions, SparkError
from yarnhub.integrations.spark.driver.settings import SparkSettings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def answers(tmp_path: Path) -> Iterator[Answers]:
    answers = Answers(tmp_path)
    yield answers
    answers.close()


def sessions(folder: Path, **environment: str) -> Any:  # what it does in private counts
    found = {"YARNHUB_REQUESTS": str(folder / REQUESTS), **environment}
    return Sessions(SparkSettings(version="4.3.0"), found, folder, Service(found))


@pytest.mark.parametrize(
    ("counted", "asked"),
    [
        ({"YARNHUB_GENERATION": "1"}, []),
        ({"YARNHUB_GENERATION": "2"}, ["end-applications"]),
        ({}, ["end-applications"]),
    ],
)
def test_a_process_that_was_started_again_ends_what_the_one_before_has_left(
    tmp_path: Path, answers: Answers, counted: dict[str, str], asked: list[str]
) -> None:
    kernel = sessions(tmp_path, **counted)
    kernel.end_earlier()
    if kernel._cleaning is not None:
        kernel._cleaning.join(30)
    assert answers.asked == asked


def test_an_interrupted_stop_leaves_no_application(
    tmp_path: Path, answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Interrupted:
        def end(self) -> bool:
            raise KeyboardInterrupt

    kernel = sessions(tmp_path)
    forgotten: list[bool] = []
    monkeypatch.setattr(kernel, "_forget", lambda: forgotten.append(True))
    kernel._jvm = Interrupted()
    with pytest.raises(KeyboardInterrupt):
        kernel._end()
    kernel._cleaning.join(30)
    assert (answers.asked, forgotten) == (["end-applications"], [True])


def test_what_could_not_be_ended_is_ended_before_the_next_session(
    tmp_path: Path, answers: Answers
) -> None:
    kernel = sessions(tmp_path)
    answers.error = "YARN does not respond"
    kernel._end_application()
    kernel._cleaning.join(30)
    answers.error = ""
    kernel._clean()
    kernel._clean()
    assert answers.asked == ["end-applications", "end-applications"]


def test_missing_files_are_told_when_spark_is_used(tmp_path: Path) -> None:
    environment = {"YARNHUB_SPARK": '{"version": "4.3.0"}', "YARNHUB_CONTAINER": str(tmp_path)}
    settings = SparkSettings.from_environment(environment)
    assert settings is not None
    kernel = Sessions(settings, environment, tmp_path, Service(environment))
    missing = f"{tmp_path}/__spark_libs__ is not in this container"
    with pytest.raises(SparkError, match=missing):
        kernel.create()
    with pytest.raises(ScalaError, match=missing):
        Scala(kernel, Cells(kernel, Service(environment))).run("", "val x = 1")


def test_a_forked_process_ends_nothing(tmp_path: Path) -> None:
    class Ended:
        def end(self) -> bool:
            os._exit(1)

    kernel = sessions(tmp_path)
    kernel._jvm = Ended()
    child = os.fork()
    if child == 0:
        kernel.close()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ValueError("SIMPLE authentication is not enabled"), "without the kernel's launcher"),
        (SparkError("no Java"), "^no Java$"),
    ],
)
def test_a_session_that_cannot_start_without_its_launcher_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, words: str
) -> None:
    monkeypatch.setattr(session, "_is_current", lambda _: False)

    def fails(_context: object) -> None:
        raise error

    kernel = sessions(tmp_path)
    with pytest.raises(SparkError, match=words):
        kernel._initializing(fails)(object())


def test_other_errors_are_spark_s_own_while_there_is_a_launcher(
    tmp_path: Path, answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "_is_current", lambda _: False)

    def fails(_context: object) -> None:
        raise ValueError("queue nowhere")

    with pytest.raises(ValueError, match="queue nowhere"):
        sessions(tmp_path)._initializing(fails)(object())
    assert answers.asked == []
