"""`skein application logs` on a running, an ending and an ended application."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections import defaultdict
from typing import TYPE_CHECKING

import pytest

from e2e.walk import without_notices

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any

pytestmark = pytest.mark.cluster

TALK = """\
name: talk
services:
  talker:
    resources: {memory: 64, vcores: 1}
    instances: %d
    script: |
      printf 'begun by %%s\\n' "$SKEIN_CONTAINER_ID"
      %s
"""


def spec(script: str, instances: int = 1) -> str:
    return TALK % (instances, script.replace("\n", "\n      "))


class Reader:
    """Collects what a command prints, as it prints it."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.out = b""
        self._more = threading.Condition()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        while data := os.read(self.process.stdout.fileno(), 1 << 16):
            with self._more:
                self.out += data
                self._more.notify()

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait for a print after which it is so."""
        with self._more:
            assert self._more.wait_for(condition, 60), f"it was not printed: {self.out[-500:]!r}"

    def end(self, timeout: float = 60) -> tuple[int, bytes]:
        """The exit status, and what went to standard error, but for what it waited for."""
        code = self.process.wait(timeout)
        self._thread.join(timeout)
        assert self.process.stderr is not None
        with self.process.stdout or self.process.stderr, self.process.stderr as stderr:
            return code, without_notices(stderr.read())

    def lines(self) -> dict[str, list[str]]:
        """The complete lines so far, by the name before each."""
        found: dict[str, list[str]] = defaultdict(list)
        for line in self.out[: self.out.rfind(b"\n") + 1].decode().splitlines():
            name, mark, text = line.partition(" | ")
            assert mark, line
            found[name].append(text)
        return found


def test_a_follower_sees_each_line_once_from_the_first_to_the_last(
    skein: Any, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    tmp_path.chmod(0o755)
    script = f"until [ -e {go} ]; do sleep 0.1; done\nseq 1 3000\nprintf 'the end'"
    app_id = skein.submit(spec(script, 2))
    follower = Reader(skein.start("application", "logs", app_id, "--follow"))
    follower.until(lambda: {"master", "talker_0", "talker_1"} <= set(follower.lines()))
    assert follower.lines()["talker_0"] == ["begun by talker_0"]

    # A container that begins while they are followed.
    added = skein.out("container", "scale", app_id, "-s", "talker", "-n", "3")
    assert added == ""
    follower.until(lambda: follower.lines()["talker_2"] == ["begun by talker_2"])

    # What is there now, without following.
    raw = skein.out(
        "application", "logs", app_id, "--container", "talker_1", "--file", "talker.log"
    )
    assert raw == "begun by talker_1\n"
    listed = json.loads(skein.out("application", "logs", app_id, "--list", "--output", "json"))
    sizes = {each["container"]: each["size"] for each in listed if each["file"] == "talker.log"}
    assert sizes == dict.fromkeys(("talker_0", "talker_1", "talker_2"), len(raw))

    # As a program reads it, whole.
    program = "import skein, sys; print(skein.Client().application_logs(sys.argv[1]).dumps())"
    command = [sys.executable, "-c", program, app_id]
    printed = subprocess.run(command, env=skein.env, capture_output=True, check=True, text=True)
    assert "talker.log" in printed.stdout
    assert "begun by talker_1" in printed.stdout

    go.touch()
    code, error = follower.end()
    assert (code, error) == (0, b"")
    lines = follower.lines()
    numbers = [str(number) for number in range(1, 3001)]
    for name in ("talker_0", "talker_1", "talker_2"):
        assert lines[name] == [f"begun by {name}", *numbers, "the end"]
    assert "the application ends" in lines["master"][-1]

    # The same, byte for byte, from the aggregated logs: whole and its end.
    one = ("application", "logs", app_id, "--container", "talker_2", "--file", "talker.log")
    assert skein.out(*one) == "\n".join(["begun by talker_2", *numbers, "the end"])
    assert skein.out(*one, "--follow", "--tail", "2") == "3000\nthe end"
    assert "its containers with logs: master, talker_0, talker_1, talker_2" in skein.error(
        "application", "logs", app_id, "--container", "talker_9"
    )


def test_a_follower_of_an_application_that_is_killed_and_one_that_is_interrupted(
    skein: Any,
) -> None:
    app_id = skein.submit(spec("seq 1 50\nsleep 600"))
    command = ("application", "logs", app_id, "-f", "--container", "talker_0")
    whole = Reader(skein.start(*command))
    interrupted = Reader(skein.start(*command, "--tail", "2"))
    whole.until(lambda: len(whole.lines()["talker_0"]) == 51)
    interrupted.until(lambda: interrupted.lines()["talker_0"][-1:] == ["50"])

    interrupted.process.send_signal(signal.SIGINT)
    assert interrupted.end() == (130, b"")

    skein.out("application", "kill", app_id)
    assert whole.end() == (0, b"")
    numbers = [str(number) for number in range(1, 51)]
    assert whole.lines() == {"talker_0": ["begun by talker_0", *numbers]}


def test_bytes_that_are_no_text_come_as_they_are(skein: Any) -> None:
    script = r"printf '\0\377\r\nEnd of LogType:talker.log.\nLogContents:\n'; sleep 600"
    app_id = skein.submit(spec(script))
    wanted = b"begun by talker_0\n\0\xff\r\nEnd of LogType:talker.log.\nLogContents:\n"
    one = ("application", "logs", app_id, "--container", "talker_0", "--file", "talker.log")
    follower = Reader(skein.start(*one, "--follow"))
    follower.until(lambda: follower.out == wanted)
    skein.out("application", "kill", app_id)
    assert follower.end() == (0, b"")
    assert follower.out == wanted
    done = skein(*one)
    assert (done.returncode, done.stdout, done.stderr) == (0, wanted, b"")
