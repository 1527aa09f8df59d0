"""`%%scala` in a kernel for Python, with real Java, computing in the driver's own JVM."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from docs.blocks import PROJECT, blocks
from integrations.spark.driver.started_kernel import (
    ACTIVE,
    JVM,
    LOCAL,
    Reply,
    StartedKernel,
    gone,
    started,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = [pytest.mark.spark, pytest.mark.jupyter]


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[StartedKernel]:
    """Whose sessions can run Scala, also those that Python starts."""
    with started(tmp_path, {**LOCAL, "spark.yarnhub.scala": "true"}) as kernel:
        yield kernel


def scala(kernel: StartedKernel, code: str) -> str:
    """Run a Scala cell that must succeed; returns its output."""
    return kernel.good(f"%%scala\n{code}")


def failed(kernel: StartedKernel, code: str, seen: Callable[[str], None] = lambda _: None) -> Reply:
    """Run a Scala cell that must fail."""
    reply = kernel.run(f"%%scala\n{code}", seen=seen)
    assert reply.status == "error", f"{reply}\n{kernel.log[-5000:]}"
    return reply


def test_cells_share_the_session_of_python(kernel: StartedKernel) -> None:
    first = kernel.run("%%scala\nval x = 6 * 7")
    assert first.text.strip() == "val x: Int = 42", f"{first}\n{kernel.log[-5000:]}"
    assert first.displays[0].startswith("Starting Spark 4.3.0")
    assert scala(kernel, 'val name = "Ada"\nx + 1') == (
        "val name: String = Ada\nval res0: Int = 43"
    )
    assert scala(kernel, "import scala.util.Try") == "import scala.util.Try"
    # The same session, context and views.
    kernel.good("spark.range(7).createOrReplaceTempView('numbers')")
    assert scala(kernel, 'println(spark.table("numbers").count())') == "7"
    assert scala(kernel, 'sql("select 5 as five").createOrReplaceTempView("fives")') == ""
    assert kernel.good("spark.table('fives').first()[0]") == "5"
    assert kernel.good("print(sc.applicationId)") == scala(kernel, "print(sc.applicationId)")
    shown = scala(kernel, "spark.range(2).show()")
    assert "| id|" in shown
    assert "|  1|" in shown


def test_a_session_that_python_has_started_for_itself_says_how_to_use_scala(
    tmp_path: Path,
) -> None:
    with started(tmp_path, LOCAL) as kernel:
        kernel.good("spark")
        assert (
            "spark.stop(), and start the next one with a %%scala cell" in failed(kernel, "1").error
        )
        # Executors do not ask the driver for classes.
        assert kernel.good("sc.getConf().contains('spark.repl.class.uri')") == "False"
        kernel.good("spark.stop()")
        assert scala(kernel, "println(spark.range(4).map(_ + 1).count())") == "4"
        assert kernel.good("spark.range(3).count()") == "3"


def test_a_notebook_of_the_documentation(kernel: StartedKernel) -> None:
    page = PROJECT / "docs" / "howto" / "spark.md"
    name = "test_scala.py::test_a_notebook_of_the_documentation"
    python, in_scala = (each.text for each in blocks(page) if name in each.remark)
    kernel.good(python)
    assert kernel.good(in_scala).startswith("class Square\nval squares: ")
    assert kernel.good("spark.table('squares').selectExpr('sum(square)').first()[0]") == "332833500"


def test_closures_and_case_classes_are_found_where_they_compute(kernel: StartedKernel) -> None:
    # Threads of Spark that have begun before the first Scala cell find its classes, too.
    kernel.good("sc.parallelize(range(8), 8).map(lambda x: x).count()")
    assert scala(kernel, "println(spark.range(10).map(_ + 1).collect().sum)") == "55"
    scala(kernel, "case class Point(x: Long, y: Long) { def sum = x + y }\nval offset = 100L")
    assert (
        scala(kernel, "println(sc.parallelize(1 to 3).map(i => Point(i, offset)).collect().toList)")
        == "List(Point(1,100), Point(2,100), Point(3,100))"
    )
    assert scala(
        kernel,
        "val points = Seq(Point(1, 2), Point(3, 4)).toDS\n"
        "println(points.map(p => p.sum + offset).collect().toList)\n"
        "points.filter(_.x > 1).collect().foreach(println)",
    ).startswith("List(103, 107)\nPoint(3,4)\n")
    assert scala(
        kernel,
        "val twice = udf((x: Long) => 2 * x)\n"
        'println(spark.range(3).select(twice($"id")).as[Long].collect().toList)',
    ).startswith("List(0, 2, 4)\n")


def test_what_is_printed_comes_in_order_and_while_the_cell_runs(kernel: StartedKernel) -> None:
    kernel.good("spark")
    seen: list[str] = []

    def release(text: str) -> None:
        seen.append(text)
        if "first" in text:
            (kernel.folder / "go").touch()

    reply = kernel.run(
        '%%scala\nprintln("first")\n'
        f'while (!new java.io.File("{kernel.folder}/go").exists) Thread.sleep(20)\n'
        'print("second "); System.out.println("third")\nval last = "größer"',
        seen=release,
    )
    assert reply.text == "first\nsecond third\nval last: String = größer\n", kernel.log[-5000:]
    reply = kernel.run('%%scala\nConsole.err.println("warned")')
    assert reply.text == "warned\n"
    # What a thread prints after its cell is shown, too.
    shown = kernel.run(
        '%%scala\nval later = new Thread(() => { Thread.sleep(50); println("later") })\n'
        "later.start(); later.join()"
    )
    assert "later\n" in shown.text


def test_errors_are_those_of_the_compiler_and_of_the_code(kernel: StartedKernel) -> None:
    reply = failed(kernel, 'val fine = 1\nval wrong: Int = "text"')
    assert reply.error.startswith("ScalaError: ")
    assert "error: type mismatch" in reply.error, reply
    assert 'val wrong: Int = "text"\n                        ^' in reply.traceback, reply
    assert "line 2" in reply.traceback
    assert "Python" not in reply.traceback
    assert "not found: value fine" in failed(kernel, "fine").error
    reply = failed(kernel, 'println("before"); val y = 1 / List(0).head')
    assert reply.text == "before\n"
    assert reply.error == "ScalaError: java.lang.ArithmeticException: / by zero"
    assert "The code is incomplete" in failed(kernel, "val open = {").error
    assert "%%scala has no options" in kernel.run("%%scala --x\n1").error
    assert scala(kernel, "println(1 + 1)") == "2"
    # What is only a warning is shown, with its details.
    reply = kernel.run("%%scala\nspark.range(3).count")
    assert reply.status == "ok"
    assert "warning: Auto-application to `()` is deprecated" in reply.text
    assert reply.text.endswith("Long = 3\n")
    assert ":setting" not in reply.text
    # A definition that failed leaves what was there.
    scala(kernel, "val kept = 1")
    failed(kernel, "val kept = nothing")
    assert scala(kernel, "println(kept)") == "1"


@pytest.mark.parametrize(
    "code",
    [
        "Thread.sleep(600000)",
        "while (true) {}",
        "while (true) try Thread.sleep(9) catch { case _: InterruptedException => }",
    ],
)
def test_an_interrupt_ends_plain_code(kernel: StartedKernel, code: str) -> None:
    scala(kernel, "val kept = 41")
    reply = failed(
        kernel,
        f'println("running")\n{code}',
        seen=lambda text: kernel.interrupt() if "running" in text else None,
    )
    assert reply.error == "ScalaInterrupt: Interrupted.", reply
    assert scala(kernel, "println(kept + 1)") == "42"
    assert scala(kernel, "println(spark.range(3).map(_ + kept).count())") == "3"


def test_an_interrupt_cancels_the_jobs_of_the_cell(kernel: StartedKernel) -> None:
    scala(kernel, "val kept = 41")
    shown: list[str] = []

    def seen(text: str) -> None:
        if "Spark: 1 job, 0 of 4 tasks done" in text and not shown:
            shown.append(text)
            os.kill(kernel.process.pid, signal.SIGINT)

    reply = failed(
        kernel, "sc.parallelize(1 to 4, 4).map { _ => Thread.sleep(60000); 1 }.count()", seen=seen
    )
    assert reply.error == "ScalaInterrupt: Interrupted.", reply
    kernel.good(f"import time\nwhile {ACTIVE}: time.sleep(0.1)", timeout=30)
    assert scala(kernel, "println(kept)") == "41"


def test_the_output_of_a_cell_has_a_bound(kernel: StartedKernel) -> None:
    reply = kernel.run('%%scala\nfor (i <- 1 to 300000) println("0123456789")')
    assert reply.status == "ok"
    printed, _, rest = reply.text.partition("\nOnly the first 1048576 characters")
    assert (len(printed), rest) == (1 << 20, " of this cell's output are shown.\n")
    reply = kernel.run('%%scala\nval long = "x" * 1000000\nthrow new Exception(long)')
    assert len(reply.traceback) < 300_000
    assert scala(kernel, 'println("again")') == "again"


def test_a_new_interpreter_comes_with_a_new_session(kernel: StartedKernel) -> None:
    scala(kernel, "val x = 1")
    kernel.good("y = 2")
    first = int(kernel.good(JVM))
    reply = kernel.run("%%scala\nspark.stop()")
    assert reply.status == "ok", reply
    assert "The session has ended, and with it the variables" in reply.text
    assert gone(first)
    assert "not found: value x" in failed(kernel, "x").error
    assert kernel.good("print(spark.range(5).count(), y)") == "5 2"
    scala(kernel, "val x = 3")
    kernel.good("spark.stop()")
    assert scala(kernel, "println(spark.range(4).map(_ + 1).count())") == "4"
    assert "not found: value x" in failed(kernel, "x").error
    pipes = [each for each in kernel.folder.glob(".spark-*/std*") if each.is_fifo()]
    assert len(pipes) == 2


def test_a_driver_that_died_is_told(kernel: StartedKernel) -> None:
    scala(kernel, "val x = 1")
    kernel.good("y = 2")
    pid = int(kernel.good(JVM))

    def kill(text: str) -> None:
        if "running" in text:
            os.kill(pid, signal.SIGKILL)

    reply = failed(kernel, 'println("running"); Thread.sleep(600000)', seen=kill)
    assert reply.error == "ScalaError: Spark's driver, which runs Scala, has ended.", reply
    assert "Spark's driver was ended by SIGKILL" in reply.text
    assert "variables of Scala are lost" in reply.text
    assert scala(kernel, 'println("again")').endswith("again")
    assert kernel.good("y") == "2"


def test_an_interrupt_while_the_interpreter_starts(kernel: StartedKernel) -> None:
    reply = failed(
        kernel,
        "val x = 1",
        seen=lambda text: kernel.interrupt() if "Spark 4.3.0: local" in text else None,
    )
    assert reply.error == "ScalaInterrupt: Interrupted.", reply
    assert scala(kernel, "val x = 2") == "val x: Int = 2"
