"""A JVM's start and its end, with a program that does what Spark's gateway does."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

import pytest

from yarnhub.integrations.spark.driver.jvm import Jvm, JvmError, JvmStart

JAVA = f"""#!{sys.executable}
import os, struct, sys, signal
assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
print("arguments", open(sys.argv[1][1:]).read(), flush=True)
{{behaviour}}
path = os.environ["_PYSPARK_DRIVER_CONN_INFO_PATH"]
with open(path + ".new", "wb") as file:
    file.write(struct.pack("!ii", 12345, 6) + b"secret")
os.rename(path + ".new", path)
sys.stdin.buffer.read()
"""


def start(folder: Path, behaviour: str = "", tokens: bytes = b"") -> JvmStart:
    home = folder / "java"
    (home / "bin").mkdir(parents=True)
    (home / "bin" / "java").write_text(JAVA.format(behaviour=behaviour))
    (home / "bin" / "java").chmod(0o755)
    return JvmStart(
        java_home=home, arguments=["-Da=b c"], environment={"PATH": os.defpath}, folder=folder,
        log=folder / "log", tokens=tokens, memory="512m",
    )  # fmt: skip


def private(folder: Path) -> list[Path]:
    return list(folder.glob(".spark-*"))


def test_it_listens_and_ends_with_its_input(tmp_path: Path) -> None:
    jvm = Jvm(start(tmp_path, tokens=b"tokens"), on_end=lambda _: pytest.fail("it was ended"))
    assert (jvm.port, jvm.secret) == (12345, "secret")
    (folder,) = private(tmp_path)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {each.name for each in folder.iterdir()} == {"classes", "tokens"}
    assert (folder / "tokens").stat().st_mode & 0o777 == 0o600
    assert b"b c" not in Path(f"/proc/{jvm.pid}/cmdline").read_bytes()
    assert jvm.end()
    assert private(tmp_path) == []
    assert '"-Da=b c"' in (tmp_path / "log").read_text()


def test_what_is_done_meanwhile_is_done_before_it_listens(tmp_path: Path) -> None:
    waits = "import time\nwhile not os.path.exists('done'): time.sleep(0.01)"
    given = start(tmp_path, waits)
    jvm = Jvm(given, on_end=lambda _: None, meanwhile=(tmp_path / "done").touch)
    assert jvm.port == 12345
    assert jvm.end()


def test_an_interrupt_of_what_is_done_meanwhile_leaves_nothing(tmp_path: Path) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Jvm(start(tmp_path), on_end=lambda _: None, meanwhile=interrupted)
    assert private(tmp_path) == []


def test_one_that_was_killed_is_reported(tmp_path: Path) -> None:
    ended = threading.Event()
    jvm = Jvm(start(tmp_path, "print('a line', flush=True)"), on_end=lambda _: ended.set())
    os.kill(jvm.pid, signal.SIGKILL)
    assert ended.wait(30)
    assert jvm.ended.wait(30)
    first, second, *others = jvm.reason().splitlines()
    assert first == (
        "Spark's driver was ended by SIGKILL, for example because the container or its node ran "
        "out of memory."
    )
    assert second == "The last lines of its log:"
    assert others[-2:] == ['  "-Da=b c"', "  a line"]
    assert private(tmp_path) == []


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        (
            "print('no such class'); sys.exit(1)",
            r"ended with exit code 1\.\n(?:.*\n){3}  no such class",
        ),
        (
            "print('java.lang.OutOfMemoryError: Java heap space'); sys.exit(3)",
            r"\(spark.driver.memory=512m\) ran out of memory",
        ),
    ],
)
def test_one_that_does_not_start_says_why(tmp_path: Path, behaviour: str, reason: str) -> None:
    (tmp_path / "log").write_text("an earlier java.lang.OutOfMemoryError\n")
    with pytest.raises(JvmError, match=reason):
        Jvm(start(tmp_path, behaviour), on_end=lambda _: pytest.fail("it never started"))
    assert private(tmp_path) == []


def test_a_forked_process_does_not_keep_it(tmp_path: Path) -> None:
    jvm = Jvm(start(tmp_path), on_end=lambda _: None)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(writing)
        os.read(reading, 1)  # until the parent closes it
        os._exit(0)
    assert jvm.end()
    os.close(writing)
    os.close(reading)
    assert os.waitpid(child, 0)[1] == 0


def test_a_forked_process_does_not_end_it(tmp_path: Path) -> None:
    jvm = Jvm(start(tmp_path, tokens=b"tokens"), on_end=lambda _: pytest.fail("it was ended"))
    child = os.fork()
    if child == 0:
        jvm.end()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    (folder,) = private(tmp_path)
    assert (folder / "tokens").exists()
    assert not jvm.ended.is_set()
    assert jvm.end()
