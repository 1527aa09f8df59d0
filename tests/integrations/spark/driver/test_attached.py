"""Spark in a kernel that a user's own server starts, with real Java and PySpark."""

from __future__ import annotations

import json
import queue
from typing import TYPE_CHECKING

import pytest

from integrations.spark.driver.started_kernel import started
from yarnhub.kernels.protocol import Answer, Ask, line, read_request
from yarnhub.kernels.spark_in_server import prepare

if TYPE_CHECKING:
    from pathlib import Path

    from integrations.spark.driver.started_kernel import StartedKernel

pytestmark = [pytest.mark.spark, pytest.mark.jupyter]

LOCAL = {"spark.master": "local[2]"}
SUM = """\
from pyspark.sql import SparkSession
spark = SparkSession.builder{}.getOrCreate()
print(spark.range(10**6).selectExpr('sum(id)').first()[0])"""
NAMES = "print([n for n in dir() if 'yarn' in n or n in ('spark', 'sc', 'attach')])"
FORK = """\
import os
if not (child := os.fork()):
    import pyspark, threading
    for thread in threading.enumerate():
        if thread.name == "spark-end":
            thread.join()
    os._exit(0)
print(os.waitpid(child, 0)[1])"""
JVM = "print(spark.sparkContext._jvm.java.lang.ProcessHandle.current().pid())"


def prepared(folder: Path) -> dict[str, str]:
    """The variables of a server for its kernels."""
    variables: dict[str, str] = {}
    prepare(variables, folder, lambda _: line(Answer()))
    return variables


def test_importing_pyspark_is_enough(tmp_path: Path) -> None:
    with started(tmp_path, LOCAL, **prepared(tmp_path)) as kernel:
        assert kernel.good(NAMES) == "[]"
        assert kernel.good("'pyspark' in __import__('sys').modules") == "False"
        first = kernel.run(SUM.format(""))
        assert first.text.strip() == "499999500000", first
        assert first.displays[0].startswith("Starting Spark 4.3.0")
        driver = kernel.good(JVM)
        # Every session has a JVM of its own, as in a kernel with Spark.
        kernel.good("spark.stop()")
        assert kernel.good(SUM.format("")) == "499999500000"
        assert kernel.good(JVM) != driver


def test_an_environment_with_another_pyspark_is_as_before(tmp_path: Path) -> None:
    other = {"version": "4.2.1", "python": [], "jars": ["a.jar"]}
    variables = prepared(tmp_path) | {"YARNHUB_SPARK": json.dumps(other)}
    with started(tmp_path, LOCAL, **variables) as kernel:
        reply = kernel.run("import pyspark")
        assert "This server has Spark 4.2.1 on YARN. The imported pyspark 4.3.0 (" in reply.text
        # With a progress bar if the machine is slow.
        assert "499999500000" in kernel.good(SUM.format(".master('local[1]')")).split()


def test_a_restarted_kernel_ends_what_it_has_left_once_it_imports_pyspark(tmp_path: Path) -> None:
    asked: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def ask(received: bytes) -> bytes:
        asked.put(received)
        return line(Answer())

    variables: dict[str, str] = {}
    prepare(variables, tmp_path, ask)

    def ended_on_import(kernel: StartedKernel) -> str:
        """The part whose applications it ends."""
        kernel.good("1 + 1")
        assert asked.empty(), "plain notebooks ask for nothing"
        kernel.good("import pyspark")
        request = read_request(asked.get(timeout=60))
        assert request.ask is Ask.END_APPLICATIONS
        return request.part

    with started(tmp_path, LOCAL, **variables) as kernel:
        part = ended_on_import(kernel)
        kernel.restart()
        assert ended_on_import(kernel) == part
    other = tmp_path / "other"
    other.mkdir()
    with started(other, LOCAL, **variables) as kernel:
        assert ended_on_import(kernel) not in ("", part)


def test_a_forked_process_ends_nothing(tmp_path: Path) -> None:
    asked: list[bytes] = []

    def ask(received: bytes) -> bytes:
        asked.append(received)
        return line(Answer())

    variables: dict[str, str] = {}
    prepare(variables, tmp_path, ask)
    with started(tmp_path, LOCAL, **variables) as kernel:
        assert kernel.good(FORK) == "0"
    assert asked == []
