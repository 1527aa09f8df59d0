"""The JVM of Spark's driver: one for each session."""

from __future__ import annotations

import contextlib
import os
import shutil
import struct
import subprocess
import tempfile
import threading
import time
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from . import words
from .interrupts import interrupts_deferred
from .java import java_program
from .properties import argument_file, with_scala_classes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_END_SECONDS = 15
"""Until a JVM is killed whose input has ended. It ends Spark's application before."""
_WATCH = f"""\
PATH=$PATH:/usr/bin:/bin
left={_END_SECONDS}
read -r _
while [ $left -gt 0 ] && kill -0 "$0"; do
    left=$((left - 1))
    sleep 1 || exit
done
kill -9 "$0"
"""
_START = """\
trap "" INT
exec 3<&0
/bin/sh -c "$1" $$ <&3 3<&- >/dev/null 2>&1 &
exec "$2" "$0" 3<&-
"""
"""A shell's script that becomes the JVM. An interrupt of a cell goes to the kernel's process group,
to which the JVM belongs because YARN ends the container's processes by it.

A second process, `_WATCH`, waits for the end of the same input, and kills a JVM that does not end.
Spark's never reads its input if YARN has deleted the container's folder while it started.

Source: org.apache.spark.api.python.PythonGatewayServer of Spark 4.3.
"""
_CONNECTION = "_PYSPARK_DRIVER_CONN_INFO_PATH"
"""The variable with the file in which the JVM writes its port and its secret.

Source: org.apache.spark.api.python.PythonGatewayServer.
"""
_START_SECONDS = 120.0
_LOOK_SECONDS = 0.02
_KILL_SECONDS = 10.0
_TAIL_BYTES = 16 * 1024
_SHOWN_LINES = 5
_SHOWN_WIDTH = 300
_MAX_SECRET = 4096
_INPUTS: weakref.WeakSet[IO[bytes]] = weakref.WeakSet()
"""The inputs of JVMs. A process that this one forks would keep them open."""


def _close_inputs() -> None:
    for file in list(_INPUTS):
        _close(file)


os.register_at_fork(after_in_child=_close_inputs)


class JvmError(Exception):
    """The JVM could not be started; the message says why."""


@dataclass(frozen=True, kw_only=True)
class JvmStart:
    """What a JVM is started with.

    Attributes:
        java_home: The folder of Java.
        arguments: What follows the program's name.
        environment: Environment variables.
        folder: The container's folder, in which it runs.
        log: The file that its output is appended to.
        tokens: The content of its token file; empty for none.
        memory: Its `spark.driver.memory`, for messages.
        by_builder: Whether a session's builder can set that, for messages.
    """

    java_home: Path
    arguments: Iterable[str]
    environment: Mapping[str, str]
    folder: Path
    log: Path
    tokens: bytes = b""
    memory: str = ""
    by_builder: bool = True


class Jvm:
    """A JVM that runs py4j's gateway. It ends when its input does: it never outlives Python.

    Attributes:
        port: Where its gateway listens, on loopback.
        secret: What the gateway's clients have to send.
        ended: Set when its process has ended.
        died: Whether it had ended otherwise when it was to end by the end of its input.
    """

    def __init__(
        self,
        start: JvmStart,
        *,
        on_end: Callable[[Jvm], None],
        meanwhile: Callable[[], None] = lambda: None,
    ) -> None:
        """Start it, and wait until its gateway listens.

        Args:
            start: What it is started with.
            on_end: Called in a thread when it has ended without `end`; `ended` is set afterwards.
            meanwhile: Called while it starts; interrupts wait for its end.

        Raises:
            JvmError: It has ended, or has not opened its port in time.
            JavaError: There is no Java.
            OSError: A file cannot be written.
        """
        self.port = 0
        self.secret = ""
        self.ended = threading.Event()
        self.died = False
        self._start = start
        self._on_end = on_end
        self._ending = False
        self._owner = os.getpid()
        self._private = Path(tempfile.mkdtemp(prefix=".spark-", dir=start.folder))
        self._log_start = _size(start.log)
        self._process: subprocess.Popen[bytes] | None = None
        try:
            program = java_program(start.java_home)
            with interrupts_deferred():
                self._process = self._run(program)
            with interrupts_deferred():  # one would leave modules that are half imported
                meanwhile()
            self._connect(self._process)
        except BaseException:  # an interrupt, too, leaves nothing
            self._ending = True
            self._kill()
            shutil.rmtree(self._private, ignore_errors=True)
            raise
        threading.Thread(target=self._watch, name="spark-driver-watch", daemon=True).start()

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None
        return self._process.pid

    def end(self) -> bool:
        """End it by the end of its input, and kill it if that is not enough.

        In a process that this one has forked, nothing happens: the JVM is not that one's.

        Returns:
            Whether it has ended by itself, with its application.
        """
        assert self._process is not None
        if os.getpid() != self._owner:
            return True
        self._ending = True
        try:
            _close(self._process.stdin)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.died = self._process.wait(_END_SECONDS) != 0
                return not self.died
            return False
        finally:
            self._kill()
            shutil.rmtree(self._private, ignore_errors=True)

    def reason(self) -> str:
        """Why it has ended, in words, with the last lines of its log."""
        assert self._process is not None
        log = self._tail()
        lines = [line.rstrip()[:_SHOWN_WIDTH] for line in log.splitlines() if line.strip()]
        return words.ended(
            self._process.returncode or 0,
            memory=self._start.memory,
            by_builder=self._start.by_builder,
            log=log,
            last="\n".join(f"  {line}" for line in lines[-_SHOWN_LINES:]),
        )

    def _run(self, program: Path) -> subprocess.Popen[bytes]:
        environment = dict(self._start.environment)
        environment[_CONNECTION] = str(self._private / "connection")
        if self._start.tokens:
            file = self._private / "tokens"
            _write_private(file, self._start.tokens)
            environment["HADOOP_TOKEN_FILE_LOCATION"] = str(file)
        arguments = self._private / "arguments"
        (self._private / "classes").mkdir()
        # Java's own folder for temporary files is the node's, which nobody empties.
        given = [
            f"-Djava.io.tmpdir={self._private}",
            *with_scala_classes(self._start.arguments, self._private / "classes"),
        ]
        _write_private(arguments, argument_file(given).encode())
        with self._start.log.open("ab") as log:
            process = subprocess.Popen(
                ["/bin/sh", "-c", _START, f"@{arguments}", _WATCH, program],
                cwd=self._start.folder,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
            )
        assert process.stdin is not None
        _INPUTS.add(process.stdin)
        return process

    def _connect(self, process: subprocess.Popen[bytes]) -> None:
        """Wait for the file in which the JVM writes its port and its secret."""
        file = self._private / "connection"
        deadline = time.monotonic() + _START_SECONDS
        while not file.is_file():
            if process.poll() is not None:
                raise JvmError(words.start_failed(self.reason()))
            if time.monotonic() > deadline:
                raise JvmError(words.start_failed(words.slow_start(_START_SECONDS)))
            time.sleep(_LOOK_SECONDS)
        content = file.read_bytes()
        file.unlink()
        (self._private / "arguments").unlink()
        self.port, size = struct.unpack_from("!ii", content)
        if not 0 < size <= _MAX_SECRET:
            raise JvmError(words.start_failed(words.slow_start(_START_SECONDS)))
        self.secret = content[8 : 8 + size].decode()

    def _watch(self) -> None:
        assert self._process is not None
        self._process.wait()
        _close(self._process.stdin)
        if not self._ending:
            shutil.rmtree(self._private, ignore_errors=True)
            self._on_end(self)
        self.ended.set()

    def _kill(self) -> None:
        if self._process is None:
            return
        _close(self._process.stdin)
        if self._process.poll() is None:
            self._process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_KILL_SECONDS)
        self.ended.set()

    def _tail(self) -> str:
        try:
            with self._start.log.open("rb") as log:
                end = log.seek(0, os.SEEK_END)
                log.seek(max(self._log_start, end - _TAIL_BYTES))
                return log.read(_TAIL_BYTES).decode(errors="replace")
        except OSError:
            return ""


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0


def _close(file: IO[bytes] | None) -> None:
    if file is not None:
        with contextlib.suppress(OSError):
            file.close()


def _write_private(file: Path, content: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with open(os.open(file, flags, 0o600), "wb") as opened:  # noqa: PTH123  # of a descriptor
        opened.write(content)
