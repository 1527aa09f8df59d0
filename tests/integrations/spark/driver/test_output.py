"""What is written into the pipes of a Scala interpreter becomes output of a cell."""

from __future__ import annotations

import logging
import os
import resource
import threading
from typing import TYPE_CHECKING, Any

import pytest

from yarnhub.integrations.spark.driver.output import MAX_CHARACTERS, Output

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


class Publisher:
    """IPython's, as far as it is used; collects what is sent to its socket."""

    def __init__(self) -> None:
        self.session = self
        self.pub_socket = self
        self.parent_header = {"msg_id": "first"}
        self.sent: list[tuple[str, str, str]] = []
        self.some = threading.Condition()
        self.on_send: Callable[[str], None] = lambda _: None

    def send(
        self, socket: object, kind: str, content: dict[str, Any], *, parent: Any, ident: bytes
    ) -> None:
        assert (socket, kind) == (self, "stream")
        assert ident == f"stream.{content['name']}".encode()
        with self.some:
            self.sent.append((parent["msg_id"], content["name"], content["text"]))
            self.some.notify_all()
        self.on_send(content["text"])

    def wait_for(self, text: str) -> None:
        with self.some:
            assert self.some.wait_for(lambda: text in [each for *_, each in self.sent], 30)


@pytest.fixture
def publisher() -> Publisher:
    return Publisher()


@pytest.fixture
def output(tmp_path: Path, publisher: Publisher) -> Iterator[Output]:
    output = Output(tmp_path, publisher)
    output.begin()
    yield output
    output.close()


def written(output: Output, content: bytes, name: str = "stdout") -> None:
    with output.paths[name].open("wb", buffering=0) as pipe:
        pipe.write(content)


def test_it_comes_while_the_cell_runs(output: Output, publisher: Publisher) -> None:
    written(output, b"now\n")
    publisher.wait_for("now\n")
    assert publisher.sent == [("first", "stdout", "now\n")]


def test_what_is_left_comes_before_the_value(output: Output, publisher: Publisher) -> None:
    written(output, "gr\u00f6".encode()[:-1])
    written(output, "\u00f6".encode()[1:] + b"sser\n")
    written(output, b"warned\n", "stderr")
    output.write("val x: Int = 1\n")
    text = "".join(text for _, name, text in publisher.sent if name == "stdout")
    assert text == "gr\u00f6sser\nval x: Int = 1\n"
    assert ("first", "stderr", "warned\n") in publisher.sent
    assert publisher.sent[-1] == ("first", "stdout", "val x: Int = 1\n")


def test_each_cell_has_its_own_output_and_bound(output: Output, publisher: Publisher) -> None:
    line = b"0123456789abcde\n" * 4096
    for _ in range(40):
        written(output, line)
        output.drain()
    assert sum(len(text) for _, name, text in publisher.sent if name == "stdout") == MAX_CHARACTERS
    assert publisher.sent[-1][1:] == (
        "stderr",
        "\nOnly the first 1048576 characters of this cell's output are shown.\n",
    )
    publisher.parent_header = {"msg_id": "second"}
    output.begin()
    written(output, b"again\n")
    output.drain()
    assert publisher.sent[-1] == ("second", "stdout", "again\n")


def test_it_comes_in_a_process_with_many_open_files(tmp_path: Path, publisher: Publisher) -> None:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limits[1], limits[1]))
    files = [os.open(os.devnull, os.O_RDONLY) for _ in range(1100)]
    try:
        output = Output(tmp_path, publisher)
        output.begin()
        written(output, b"now\n")
        publisher.wait_for("now\n")
        output.close()
    finally:
        for each in files:
            os.close(each)
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def test_an_error_loses_one_message_only(
    output: Output, publisher: Publisher, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: str) -> None:
        publisher.on_send = lambda _: None
        raise OSError("the socket is busy")

    publisher.on_send = fail
    written(output, b"lost\n")
    publisher.wait_for("lost\n")
    written(output, b"next\n")
    publisher.wait_for("next\n")
    ((_, level, _),) = caplog.record_tuples
    assert level == logging.WARNING
    assert "the socket is busy" in caplog.text


def test_what_has_come_meanwhile_is_one_message(output: Output, publisher: Publisher) -> None:
    is_written = threading.Event()

    def wait(_: str) -> None:
        assert is_written.wait(30)

    publisher.on_send = wait
    written(output, b"first\n")
    publisher.wait_for("first\n")
    line = b"0123456789abcde\n" * 16384
    written(output, line)
    is_written.set()
    output.drain()
    assert [text for *_, text in publisher.sent] == ["first\n", line.decode()]


def test_a_thread_that_prints_does_not_keep_a_cell_from_its_end(
    output: Output, publisher: Publisher
) -> None:
    line = b"0123456789abcde\n" * 256
    publisher.on_send = lambda _: written(output, line)
    written(output, line)
    output.drain()
    publisher.on_send = lambda _: None
    # As much as one cell may print would have been read.
    assert not any(text.startswith("\nOnly the first") for *_, text in publisher.sent)


def test_the_pipes_are_the_user_s_own(output: Output) -> None:
    assert {path.name for path in output.paths.values()} == {"stdout", "stderr"}
    assert all(path.is_fifo() for path in output.paths.values())
    assert {path.stat().st_mode & 0o777 for path in output.paths.values()} == {0o600}


def test_nothing_is_read_after_the_end(tmp_path: Path, publisher: Publisher) -> None:
    before = set(threading.enumerate())
    output = Output(tmp_path, publisher)
    (reader,) = set(threading.enumerate()) - before
    output.begin()
    written(output, b"last\n")
    output.close()
    output.close()
    reader.join(30)
    assert not reader.is_alive()
    output.write("a value\n")
    assert publisher.sent[-1][2] == "a value\n"
