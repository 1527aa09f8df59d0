"""A kernel with real Java and PySpark, computing in the driver's own JVM."""

from __future__ import annotations

import os
import shutil
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from integrations.spark.driver.started_kernel import (
    ACTIVE,
    JVM,
    LOCAL,
    LONG,
    Answers,
    StartedKernel,
    gone,
    started,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.spark, pytest.mark.jupyter]


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[StartedKernel]:
    with started(tmp_path, LOCAL) as kernel:
        yield kernel


@pytest.fixture
def without_class_data(tmp_path: Path) -> Iterator[StartedKernel]:
    """One whose JVMs load each class from a jar."""
    with started(tmp_path, LOCAL, None, {"class_data": {}}) as kernel:
        yield kernel


def test_names_are_made_when_they_are_first_used(without_class_data: StartedKernel) -> None:
    kernel = without_class_data
    assert kernel.good("print('spark' in globals(), 'pyspark' in __import__('sys').modules)") == (
        "False False"
    )
    # A completion or an inspection starts nothing.
    kernel.client.inspect("spark", reply=True, timeout=20)
    kernel.client.complete("spark.ra", reply=True, timeout=20)
    assert kernel.good("'pyspark' in __import__('sys').modules") == "False"
    first = kernel.run(
        "def total():\n"
        "    return spark.range(10**6).selectExpr('sum(id)').first()[0]\n"
        "print(total())"
    )
    assert first.text.strip() == "499999500000", first
    assert first.displays[0].startswith("Starting Spark 4.3.0 (slower than usual")
    assert first.displays[-1].startswith("Spark 4.3.0: local-")
    assert kernel.good("sc.parallelize([1, 2, 3]).map(lambda x: x + 1).sum()") == "9"
    assert kernel.good("del spark\nspark.sparkContext is sc") == "True"
    # No secret is where a program of the user could leave it.
    assert (
        kernel.good(
            "import os; [name for name in os.environ if name.startswith('PYSPARK_GATEWAY')]"
        )
        == "[]"
    )
    pid = int(kernel.good(JVM))
    command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    assert len(list(filter(None, command))) == 2
    assert b"YARNHUB_SPARK" not in Path(f"/proc/{pid}/environ").read_bytes()


def test_each_session_has_a_jvm_with_its_own_memory(kernel: StartedKernel) -> None:
    first = int(kernel.good(JVM))
    assert kernel.good("sc._jvm.java.lang.Runtime.getRuntime().maxMemory() < 600 * 2**20") == "True"
    kernel.good("spark.stop()")
    assert gone(first)
    assert kernel.good("'spark' in globals() or 'sc' in globals()") == "False"
    kernel.good("kept = 41")
    kernel.good(
        "from pyspark.sql import SparkSession\n"
        "mine = SparkSession.builder.config('spark.driver.memory', '700m')"
        ".config('spark.yarnhub.test', 'a \"b\" \\\\ c').getOrCreate()"
    )
    assert kernel.good("sc._jvm.java.lang.Runtime.getRuntime().maxMemory() > 600 * 2**20") == "True"
    assert kernel.good("print(sc.getConf().get('spark.yarnhub.test'))") == 'a "b" \\ c'
    assert kernel.good("mine is spark, kept, spark.range(3).count()") == "(True, 41, 3)"
    kernel.good("mine.stop(); mine.stop(); sc.stop()")
    assert kernel.good("spark.range(4).count()") == "4"


def test_what_cannot_be_changed_is_refused_in_words(kernel: StartedKernel) -> None:
    builder = "from pyspark.sql import SparkSession; SparkSession.builder"
    reply = kernel.run(f"{builder}.master('yarn').getOrCreate()")
    assert reply.error == (
        "SparkError: spark.master is 'local[2]' in this kernel and cannot be 'yarn'. Remove it "
        "from the session's builder."
    )
    reply = kernel.run(f"{builder}.config('spark.driver.memory', 'much').getOrCreate()")
    assert "spark.driver.memory is 'much': use a number with a unit" in reply.error
    reply = kernel.run("from pyspark import SparkContext; SparkContext('local[4]', 'x')")
    assert "spark.master is 'local[2]'" in reply.error
    assert kernel.good("spark.range(4).count()") == "4"


def test_an_interrupt_cancels_the_jobs_of_the_cell_only(kernel: StartedKernel) -> None:
    kernel.good("import threading; spark")
    kernel.good(f"other = threading.Thread(target=lambda: {LONG.replace('4', '1')}); other.start()")
    running = "Spark: 1 job, 0 of 4 tasks done"
    shown: list[str] = []

    def seen(text: str) -> None:
        if running in text and not shown:
            shown.append(text)
            # Only the kernel: Python's workers, on YARN in other containers, would end, too.
            os.kill(kernel.process.pid, signal.SIGINT)

    reply = kernel.run(LONG, seen=seen)
    assert reply.status == "error"
    assert any(running in each for each in reply.displays), reply
    assert "py4j" not in reply.text
    kernel.good(f"import time\nwhile {ACTIVE} > 1: time.sleep(0.1)", timeout=30)
    assert kernel.good(ACTIVE) == "1"
    assert kernel.good("other.is_alive()") == "True"
    kernel.good("sc.cancelAllJobs()")


@pytest.mark.waits
def test_jobs_without_a_cell_count_as_work(kernel: StartedKernel) -> None:
    answers = Answers(kernel.folder)
    kernel.good("import threading; spark")
    assert answers.asked == ["tokens"]
    kernel.good(f"threading.Thread(target=lambda: {LONG}, daemon=True).start()")
    deadline = time.monotonic() + 60
    while "busy" not in answers.asked:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    answers.close()


def test_what_is_lost_with_the_jvm_is_told_once(kernel: StartedKernel) -> None:
    kernel.good(
        "import threading\n"
        "lost = []\n"
        "def wait():\n"
        "    try:\n"
        "        sc._jvm.java.lang.Thread.sleep(600_000)\n"
        "    except Exception as error:\n"
        "        lost.append(error)\n"
        "spark\n"
        "threading.Thread(target=wait).start()"
    )
    os.kill(int(kernel.good(JVM)), signal.SIGKILL)
    reply = kernel.run("import time\nwhile not lost: time.sleep(0.05)\nprint('lost')", timeout=30)
    assert "lost" in reply.text
    assert "while sending command" not in reply.text


@pytest.mark.waits
def test_a_jvm_that_cannot_end_ends_with_its_kernel(kernel: StartedKernel) -> None:
    pid = int(kernel.good(JVM))
    os.kill(pid, signal.SIGSTOP)
    os.kill(kernel.process.pid, signal.SIGKILL)
    assert gone(pid, 40)


@pytest.mark.waits
def test_a_jvm_whose_folder_is_deleted_while_it_starts_ends_with_its_kernel(
    kernel: StartedKernel,
) -> None:
    kernel.client.execute("spark")
    children = Path(f"/proc/{kernel.process.pid}/task/{kernel.process.pid}/children")
    deadline = time.monotonic() + 60
    while not (started := children.read_text()):
        assert time.monotonic() < deadline
    os.kill(kernel.process.pid, signal.SIGKILL)
    for each in kernel.folder.glob(".spark-*"):
        shutil.rmtree(each)
    assert gone(int(started), 40)


def test_an_interrupt_while_a_jvm_starts_leaves_nothing(kernel: StartedKernel) -> None:
    reply = kernel.run(
        "spark", seen=lambda text: kernel.interrupt() if "Starting" in text else None
    )
    assert reply.error.startswith("KeyboardInterrupt"), reply
    children = f"/proc/{kernel.process.pid}/task/{kernel.process.pid}/children"
    assert Path(children).read_text() == ""
    assert [each.name for each in kernel.folder.glob(".spark-*")] == []
    assert kernel.good("spark.range(4).count()") == "4"


def test_a_jvm_that_was_killed_is_told_and_replaced(kernel: StartedKernel) -> None:
    answers = Answers(kernel.folder)
    kernel.good("x = 41; frame = spark.range(3)")
    pid = int(kernel.good(JVM))
    os.kill(pid, signal.SIGKILL)
    assert gone(pid)
    reply = kernel.run("frame.count()")
    assert reply.status == "error"
    assert "Spark's driver was ended by SIGKILL" in reply.text, reply
    assert "Variables of Python are unchanged" in reply.text
    assert kernel.good("print(spark.range(5).count(), x)") == "5 41"
    assert answers.asked.count("end-applications") == 1
    answers.close()


@pytest.mark.parametrize(
    "step",
    ["pyspark.java_gateway.java_import", "pyspark.SparkContext._initialize_context"],
)
def test_a_jvm_that_is_killed_while_its_session_starts_is_told(
    kernel: StartedKernel, step: str
) -> None:
    place, _, name = step.rpartition(".")
    kernel.good(
        "import os, psutil, pyspark.java_gateway, signal\n"
        f"step = {step}\n"
        "def killed(*arguments):\n"
        "    for child in psutil.Process().children():\n"
        "        child.kill()\n"
        f"    {place}.{name} = step\n"
        "    return step(*arguments)\n"
        f"{place}.{name} = killed"
    )
    reply = kernel.run("spark")
    assert "SparkError" in reply.error, reply
    assert "Spark's driver was ended by SIGKILL" in reply.error, reply
    assert kernel.good("spark.range(5).count()") == "5"


def test_a_cell_that_meets_the_death_of_the_jvm_tells_it(kernel: StartedKernel) -> None:
    kernel.good("import os, psutil\nspark")
    reply = kernel.run("psutil.Process().children()[0].kill(); spark.range(3).count()")
    assert reply.status == "error"
    assert "Spark's driver was ended by SIGKILL" in reply.text, reply


def test_a_jvm_out_of_memory_is_named(kernel: StartedKernel) -> None:
    kernel.good("spark")
    reply = kernel.run("sc._jvm.java.nio.CharBuffer.allocate(2**30)")
    assert reply.status == "error"
    assert "Spark's driver (spark.driver.memory=512m) ran out of memory" in reply.text, reply
    assert kernel.good("spark.range(5).count()") == "5"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_outlives_the_kernel(kernel: StartedKernel, number: signal.Signals) -> None:
    pid = int(kernel.good(JVM))
    kernel.good(
        "import multiprocessing as m, time\n"
        "m.get_context('fork').Process(target=time.sleep, args=(60,)).start()"
    )
    os.kill(kernel.process.pid, number)
    kernel.process.wait(30)
    assert gone(pid)


def test_another_pyspark_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "sitecustomize.py").write_text("import pyspark; pyspark.__version__ = '3.5.0'")
    with started(tmp_path, LOCAL, PYTHONPATH=str(other)) as kernel:
        reply = kernel.run("spark")
        assert "The imported pyspark is version 3.5.0" in reply.error
        assert "Uninstall pyspark from the environment" in reply.error


def test_no_java_is_told(tmp_path: Path) -> None:
    with started(tmp_path, LOCAL, JAVA_HOME="") as kernel:
        assert "Spark needs Java, and this container has none" in kernel.run("spark").error
