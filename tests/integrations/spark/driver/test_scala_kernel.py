"""A kernel for Scala, with real Java, computing in the driver's own JVM."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from integrations.spark.driver.started_kernel import LOCAL, StartedKernel, started
from yarnhub.integrations.spark.driver.scala_kernel import scala_version

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.spark, pytest.mark.jupyter]


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[StartedKernel]:
    with started(tmp_path, LOCAL, None, {"language": "scala"}) as kernel:
        yield kernel


def checked(kernel: StartedKernel, code: str) -> str:
    """Whether code is complete."""
    request = kernel.client.is_complete(code)
    while True:
        reply = kernel.client.get_shell_msg(timeout=60)
        if reply["parent_header"]["msg_id"] == request:
            return str(reply["content"]["status"])


def test_it_answers_without_a_jvm(tmp_path: Path) -> None:
    with started(tmp_path, LOCAL, None, {"language": "scala"}, JAVA_HOME="") as kernel:
        client = kernel.client
        info = client.kernel_info(reply=True, timeout=20)["content"]
        assert info["language_info"] == {
            "name": "scala", "version": "2.13.18", "mimetype": "text/x-scala",
            "file_extension": ".sc", "codemirror_mode": "text/x-scala", "pygments_lexer": "scala",
        }  # fmt: skip
        assert info["banner"] == "Scala 2.13.18 with Spark 4.3.0"
        assert "debugger" not in info["supported_features"]
        assert client.complete("sp", reply=True, timeout=20)["content"]["matches"] == []
        assert checked(kernel, "{") == "unknown"
        # Python's names are none of Scala's.
        assert client.inspect("print", reply=True, timeout=20)["content"]["found"] is False
        assert kernel.good(" ") == ""
        reply = kernel.run("val x = 1")
        assert reply.error.startswith("ScalaError: Spark needs Java, and this container has none")
        assert "Python" not in reply.traceback


def test_a_notebook_in_scala(kernel: StartedKernel) -> None:
    children = Path(f"/proc/{kernel.process.pid}/task/{kernel.process.pid}/children")
    assert children.read_text() == ""  # no JVM has started
    first = kernel.run("case class Word(text: String, length: Int)\nval x = 42")
    assert first.text == "class Word\nval x: Int = 42\n", f"{first}\n{kernel.log[-5000:]}"
    assert first.displays[0].startswith("Starting Spark 4.3.0")
    assert first.displays[-1].startswith("Spark 4.3.0: local-")
    assert kernel.good(
        'val words = Seq("a", "bcd").toDS.map(t => Word(t, t.length))\n'
        "println(words.collect().toList)"
    ).startswith("List(Word(a,1), Word(bcd,3))\n")
    reply = kernel.run("val open = (1 +")
    assert "The code is incomplete" in reply.error
    assert "not found: value y" in kernel.run("y").error


def test_names_are_completed_and_code_is_checked_once_the_interpreter_runs(
    kernel: StartedKernel,
) -> None:
    kernel.good("val größe = 1; val numbers = Seq(1, 2)")
    found = kernel.client.complete("größe + numbers.hea", reply=True, timeout=60)["content"]
    assert set(found["matches"]) == {"head", "headOption"}
    assert (found["cursor_start"], found["cursor_end"]) == (16, 19)
    found = kernel.client.complete('"😀"; spark.rang', reply=True, timeout=60)["content"]
    assert (found["matches"], found["cursor_start"]) == (["range"], 11)

    assert checked(kernel, "val x = {") == "incomplete"
    assert checked(kernel, "val x = 1") == "complete"
    assert checked(kernel, "val = )") == "invalid"
    # Nothing was run, and what was wrong is forgotten.
    assert "not found: value x" in kernel.run("x").error
    checked(kernel, "val = )")
    assert kernel.good("println(numbers.sum)") == "3"


def test_an_interrupt_and_the_end_of_the_driver(kernel: StartedKernel) -> None:
    reply = kernel.run(
        'val pid = ProcessHandle.current().pid()\nprintln(s"pid $pid")\nwhile (true) {}',
        seen=lambda text: kernel.interrupt() if "pid " in text else None,
    )
    assert reply.error == "ScalaInterrupt: Interrupted.", reply
    pid = int(reply.text.split()[1])
    reply = kernel.run(
        'println("running"); Thread.sleep(600000)',
        seen=lambda text: os.kill(pid, signal.SIGKILL) if "running" in text else None,
    )
    assert reply.error == "ScalaError: Spark's driver, which runs Scala, has ended.", reply
    assert "Spark's driver was ended by SIGKILL" in reply.text
    assert "Its variables and definitions are lost." in reply.text
    assert "Python" not in reply.text
    assert kernel.good('println("again")') == "again"
    kernel.client.shutdown()
    kernel.process.wait(60)


@pytest.mark.parametrize(
    ("language", "advice"),
    [
        ("scala", "or use a kernelspec with more spark.driver.memory."),
        ("python", 'spark.stop(), then SparkSession.builder.config("spark.driver.memory", ...)'),
    ],
)
def test_a_driver_without_memory_names_what_the_user_can_set(
    tmp_path: Path, language: str, advice: str
) -> None:
    java = tmp_path / "java"
    (java / "bin").mkdir(parents=True)
    (java / "release").write_text('JAVA_VERSION="17.0.15"\nJAVA_RUNTIME_VERSION="17.0.15+6"\n')
    (java / "bin" / "java").write_text("#!/bin/sh\necho java.lang.OutOfMemoryError; exit 3\n")
    (java / "bin" / "java").chmod(0o755)
    with started(tmp_path, LOCAL, None, {"language": language}, JAVA_HOME=str(java)) as kernel:
        error = kernel.run("spark").error
    assert "Spark's driver (spark.driver.memory=512m) ran out of memory." in error
    assert advice in error
    assert ("SparkSession" in error) is (language == "python")


def test_the_version_is_that_of_the_jars() -> None:
    assert scala_version(["a.jar", "scala-library-2.13.16.jar"]) == "2.13.16"
    assert scala_version(["a.jar"]) == ""
