"""Spark's own Scala compiler in the driver's JVM, as an interpreter of cells."""

from __future__ import annotations

import contextlib
import enum
import queue
import threading
from concurrent.futures import Future
from concurrent.futures import wait as wait_for_futures
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from .properties import SCALA_CLASSES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

# PySpark's and the JVM's objects have no types that hold here.
Context = Any
Object = Any
T = TypeVar("T")

_START = (
    # A closure must not take them along; for the same reason each has a cell of its own.
    "@transient val spark = org.apache.spark.sql.SparkSession.builder.getOrCreate()",
    "@transient val sc = spark.sparkContext",
    (
        "import org.apache.spark.SparkContext._; import spark.implicits._; import spark.sql; "
        "import org.apache.spark.sql.functions._"
    ),
)
"""What every interpreter begins with, as spark-shell does."""
_OLD = "2.12."
"""How versions of Scala begin that have another interface; Spark 3.5's."""
_MAX_TEXT = 256 * 1024
"""Characters of what the interpreter reports about a cell: a value, or errors."""
_MAX_COMPLETIONS = 500
_INTERRUPT_SECONDS = 3.0
"""Until a thread is stopped that does not heed an interrupt."""
_STOP_SECONDS = 3.0
_CANCEL_SECONDS = 12.0
"""For all of an interrupt, also if the JVM does not respond."""


class Status(enum.Enum):
    """What has become of a cell: the names of `scala.tools.nsc.interpreter.Results`."""

    SUCCESS = "Success"
    ERROR = "Error"
    INCOMPLETE = "Incomplete"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a cell has given.

    Attributes:
        status: Whether it has run.
        text: What the interpreter reports: values and their types, warnings, or errors.
        stopped: Whether the session has ended in it.
    """

    status: Status
    text: str
    stopped: bool = False


class StartError(Exception):
    """The interpreter cannot be used; the message is its own."""


class StuckError(Exception):
    """Code still runs although it was interrupted: it does not wait for anything."""


class Worker:
    """A thread of Python, and with it one of the JVM: py4j has one connection for each."""

    def __init__(self) -> None:
        self._tasks: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        threading.Thread(target=self._work, name="scala", daemon=True).start()

    def submit(self, function: Callable[[], T]) -> Future[T]:
        """Have a function called after those before it."""
        future: Future[T] = Future()

        def task() -> None:
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(function())
                except BaseException as error:  # noqa: BLE001  # the caller's
                    future.set_exception(error)

        self._tasks.put(task)
        return future

    def end(self) -> None:
        """End it after what it does now."""
        self._tasks.put(None)

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            task()


class Interpreter:
    """An interpreter with its variables; ends with its session.

    Args:
        context: The session's.
        pipes: Where the JVM writes its standard output and its errors.

    Attributes:
        context: The same.
    """

    def __init__(self, context: Context, pipes: Mapping[str, Path]) -> None:
        """Begin to start it: that takes seconds, for which the first cell waits."""
        self.context = context
        self._pipes = pipes
        self._compiler: Object = None
        self._text: Object = None
        self._streams: dict[str, Object] = {}
        self._is_old = False
        self._java_thread: Object = None
        self._worker = Worker()
        self._ready = self._worker.submit(self._start)

    def run(self, code: str, tag: str) -> Outcome:
        """Run a cell, and wait for its end. An interrupt while the interpreter starts leaves that.

        Args:
            code: Its code.
            tag: For its jobs.

        Raises:
            StartError: The interpreter cannot be used.
            StuckError: An interrupt has not ended the code.
            KeyboardInterrupt: One has.
        """
        self._ready.result()
        future = self._worker.submit(lambda: self._interpret(code, tag))
        try:
            return future.result()
        except KeyboardInterrupt:
            self._interrupt(future, tag)
            raise

    def complete(self, code: str, position: int, seconds: float) -> tuple[int, list[str]]:
        """What could be at a position, and where that begins; nothing if it takes too long."""
        return self._asked(lambda: self._completions(code, position), seconds) or (position, [])

    def check(self, code: str, seconds: float) -> Status | None:
        """What would become of a cell, as far as its syntax tells; None if that is unknown."""
        return self._asked(lambda: self._parsed(code), seconds)

    def close(self) -> None:
        """End its thread; the JVM's ends with the session."""
        self._worker.end()

    def _asked(self, function: Callable[[], T], seconds: float) -> T | None:
        from py4j.protocol import Py4JError

        if not self._ready.done() or self._ready.exception() is not None:
            return None
        future = self._worker.submit(function)
        try:
            return future.result(seconds)
        except (TimeoutError, Py4JError, OSError):
            future.cancel()
            return None

    # --- in the worker's thread

    def _start(self) -> None:
        from py4j.protocol import Py4JJavaError

        try:
            self._create()
        except Py4JJavaError as error:
            raise StartError(str(error.java_exception)) from error
        self._enter()
        for code in _START:
            if self._compiler.interpret(code).toString() != Status.SUCCESS.value:
                raise StartError(self._taken())
        self._taken()

    def _create(self) -> None:
        """Create the compiler, and the ends of the pipes in the JVM."""
        jvm = self.context._jvm  # noqa: SLF001
        lang, io, nsc = jvm.java.lang, jvm.java.io, jvm.scala.tools.nsc
        folder = self.context.getConf().get(SCALA_CLASSES, "")
        # The folder is on the JVM's own class path, so that all threads of Spark find the classes;
        # the compiler has them from itself.
        paths = lang.System.getProperty("java.class.path").split(":")
        # Without the options for warnings, their summary names commands of the REPL.
        arguments = ["-Yrepl-class-based", "-Yrepl-outdir", folder, "-deprecation", "-feature"]
        arguments += ["-classpath", ":".join(path for path in paths if path != folder)]
        settings = nsc.Settings()
        settings.processArguments(jvm.PythonUtils.toSeq(arguments).toList(), True)  # noqa: FBT003
        self._text = io.StringWriter()
        writer = io.PrintWriter(self._text, True)  # noqa: FBT003
        self._is_old = jvm.scala.util.Properties.versionNumberString().startswith(_OLD)
        if self._is_old:
            self._compiler = nsc.interpreter.IMain(settings, writer)
        else:
            reporter = nsc.interpreter.shell.ReplReporterImpl(settings, writer)
            self._compiler = nsc.interpreter.IMain(settings, reporter)
        for name, path in self._pipes.items():
            file = io.FileOutputStream(str(path))
            self._streams[name] = io.PrintStream(file, True, "UTF-8")  # noqa: FBT003
        lang.System.setOut(self._streams["stdout"])

    def _enter(self) -> None:
        """Prepare the current thread for cells."""
        jvm = self.context._jvm  # noqa: SLF001
        self._java_thread = jvm.java.lang.Thread.currentThread()
        self._compiler.setContextClassLoader()
        # Of this thread, and of those that it starts.
        console = getattr(getattr(jvm.scala, "Console$"), "MODULE$")
        console.setOutDirect(self._streams["stdout"])
        console.setErrDirect(self._streams["stderr"])
        # The JVM's own input is a pipe in which nothing ever comes: reading it cannot be ended.
        console.setInDirect(jvm.java.io.BufferedReader(jvm.java.io.StringReader("")))

    def _interpret(self, code: str, tag: str) -> Outcome:
        self.context._jvm.java.lang.Thread.interrupted()  # noqa: SLF001  # forgets a late one
        self.context.addJobTag(tag)
        try:
            status = Status(self._compiler.interpret(code).toString())
        finally:
            with contextlib.suppress(Exception):  # the JVM may be gone
                self.context.removeJobTag(tag)
        stopped = self.context._jsc.sc().isStopped()  # noqa: SLF001
        return Outcome(status=status, text=self._taken(), stopped=stopped)

    def _taken(self) -> str:
        """What has been reported since the last time."""
        buffer = self._text.getBuffer()
        text: str = buffer.substring(0, min(buffer.length(), _MAX_TEXT))
        buffer.setLength(0)
        return text

    def _completions(self, code: str, position: int) -> tuple[int, list[str]]:
        try:
            return self._completed(code, position)
        finally:
            self._forget_errors()

    def _completed(self, code: str, position: int) -> tuple[int, list[str]]:
        shell = self.context._jvm.scala.tools.nsc.interpreter  # noqa: SLF001
        before = len(code[:position].encode("utf-16-le")) // 2  # as Java counts
        if self._is_old:
            found = shell.PresentationCompilerCompleter(self._compiler).complete(code, before)
        else:
            completion = shell.shell.ReplCompletion(self._compiler, shell.shell.Accumulator())
            found = completion.complete(code, before)
        names: dict[str, None] = {}
        candidates = found.candidates().iterator()
        while candidates.hasNext() and len(names) < _MAX_COMPLETIONS:
            each = candidates.next()
            names[each if isinstance(each, str) else each.name()] = None
        start = len(code.encode("utf-16-le")[: 2 * found.cursor()].decode("utf-16-le", "ignore"))
        return start, [name for name in names if name]

    def _parsed(self, code: str) -> Status | None:
        if self._is_old:
            return None
        try:
            return Status(self._compiler.parseString(code).toString())
        finally:
            self._forget_errors()

    def _forget_errors(self) -> None:
        """Have what only looked at code not be an error of the next cell."""
        if not self._is_old:
            self._compiler.reporter().reset()
        self._taken()

    # --- interrupts, in the thread that waits

    def _interrupt(self, future: Future[Outcome], tag: str) -> None:
        """End a cell that runs.

        Raises:
            StuckError: Its code still runs. Cells run in another thread from now on.
        """
        if future.cancel():  # it has not begun
            return
        # In a thread, because the JVM may not respond.
        stop = threading.Thread(
            target=self._stop, args=(self._java_thread, future, tag), daemon=True
        )
        stop.start()
        try:
            stop.join(_CANCEL_SECONDS)
        finally:  # the user may not wait
            if not future.done():
                self._worker.end()
                self._worker = Worker()
                self._ready = self._worker.submit(self._enter)
        if not future.done():
            raise StuckError

    def _stop(self, thread: Object, future: Future[Outcome], tag: str) -> None:
        with contextlib.suppress(Exception):  # the session may have ended
            self.context.cancelJobsWithTag(tag)
            thread.interrupt()
            if not wait_for_futures([future], _INTERRUPT_SECONDS).done:
                thread.stop()  # Java 20 and newer refuse it
                wait_for_futures([future], _STOP_SECONDS)
