"""An interpreter whose start fails halfway can be started by the next cell."""

from __future__ import annotations

import os
import resource
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from yarnhub.integrations.spark.driver.interpreter import Interpreter, StartError
from yarnhub.integrations.spark.driver.scala import Scala, ScalaError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BEGUN = "the JVM was asked"


class Session:
    """A kernel's session, as far as an interpreter needs it before its JVM."""

    def __init__(self, folder: Path) -> None:
        self.left = ""
        self.context: Any = self
        self._classes = str(folder / "classes")

    def getConf(self) -> dict[str, str]:  # noqa: N802  # PySpark's
        return {"spark.repl.class.outputDir": self._classes}


@pytest.fixture
def scala(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scala]:
    def start(_: Interpreter) -> None:
        raise StartError(BEGUN)

    monkeypatch.setattr(Interpreter, "_start", start)
    session: Any = Session(tmp_path)
    cells: Any = SimpleNamespace(tag=lambda: "cell")
    scala = Scala(session, cells)
    publisher = SimpleNamespace(parent_header={})
    shell = SimpleNamespace(display_pub=publisher, register_magic_function=lambda *_: None)
    scala.observe(shell)
    yield scala
    scala.forget()
    ended("scala-output")


def open_files() -> set[str]:
    return {each.name for each in Path("/proc/self/fd").iterdir()}


def ended(name: str) -> None:
    for each in threading.enumerate():
        if each.name == name:
            each.join(30)


def failing(error: BaseException, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a thread not start."""
    start: Callable[[threading.Thread], None] = threading.Thread.start

    def fail(thread: threading.Thread) -> None:
        if thread.name == name:
            raise error
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", fail)


@pytest.mark.parametrize("name", ["scala-output", "scala"])
def test_without_a_thread(scala: Scala, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = open_files()
    with monkeypatch.context() as patch:
        failing(RuntimeError("can't start new thread"), name, patch)
        with pytest.raises(ScalaError, match="cannot start in this session: can't start new thr"):
            scala.run("", "1")
    ended("scala-output")
    assert open_files() == before
    with pytest.raises(ScalaError, match=BEGUN):
        scala.run("", "1")


def test_an_interrupt_in_between(scala: Scala, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        failing(KeyboardInterrupt(), "scala", patch)
        with pytest.raises(KeyboardInterrupt):
            scala.run("", "1")
    with pytest.raises(ScalaError, match=BEGUN):
        scala.run("", "1")


@pytest.mark.parametrize("free", [1, 2, 3])
def test_without_a_descriptor(scala: Scala, free: int) -> None:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    before = open_files()
    next_one = os.dup(0)
    os.close(next_one)
    resource.setrlimit(resource.RLIMIT_NOFILE, (next_one + free, limits[1]))
    try:
        with pytest.raises(ScalaError, match="Too many open files"):
            scala.run("", "1")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert open_files() == before
    with pytest.raises(ScalaError, match=BEGUN):
        scala.run("", "1")


def test_two_cells_at_once_begin_one(scala: Scala, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[str] = []
    start: Callable[[threading.Thread], None] = threading.Thread.start
    second = threading.Thread(target=lambda: scala.run("", "2"))

    def counted(thread: threading.Thread) -> None:
        if thread.name == "scala-output":
            begun.append(thread.name)
            if len(begun) == 1:
                start(second)
                second.join(0.3)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", counted)
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    with pytest.raises(ScalaError):
        scala.run("", "1")
    second.join(30)
    assert len(begun) == 1
