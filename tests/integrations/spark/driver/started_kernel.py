"""A kernel with Spark on this machine, in a folder like a container's.

The launcher's part is played by `Answers`: a socket with the same requests.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_client.blocking import BlockingKernelClient

from e2e.walk import PROJECT
from integrations.spark import unpacked
from integrations.spark.unpacked import JAVA_HOME, PYTHON, installed_pyspark

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

DRIVER = PROJECT / "src" / "yarnhub" / "integrations" / "spark" / "driver"
TAG = "yarnhub-spark-test"
LOCAL = {"spark.master": "local[2]"}
JVM = "import os; sc._jvm.java.lang.ProcessHandle.current().pid()"
LONG = "sc.parallelize(range(4), 4).map(lambda x: __import__('time').sleep(60)).count()"
ACTIVE = "len(sc.statusTracker().getActiveJobsIds())"
_RUN = """\
import sys
sys.path.insert(0, sys.argv.pop(1))
from yarnhub_spark.kernel import main
main(sys.argv[1:])
"""


REQUESTS = "requests"
"""The socket of the launcher in the container's folder."""


class Answers:
    """The launcher's service for one kernel.

    Args:
        folder: The container's.
        end_spark: Kills the kernel's applications, and returns their ids.

    Attributes:
        asked: The requests so far.
        tokens: The token file to give out.
        error: Why all requests fail; empty if they do not.
        connect: What a Spark Connect server has reported.
        pair: The certificate and the key to give out.
        room: What is told of the user's limits with it.
    """

    def __init__(self, folder: Path, end_spark: Callable[[], list[str]] = list) -> None:
        self.asked: list[str] = []
        self.tokens = b""
        self.error = ""
        self.connect: list[dict[str, Any]] = []
        self.pair = b""
        self.room: dict[str, Any] = {}
        self._end_spark = end_spark
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(folder / REQUESTS))
        owner = folder.stat()
        os.chown(folder / REQUESTS, owner.st_uid, owner.st_gid)
        self._socket.listen()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Answer no more."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(60)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection, connection.makefile("rb") as file:
                request = json.loads(file.readline())
                self.asked.append(request["ask"])
                with contextlib.suppress(OSError):
                    connection.sendall(self._answer(request))

    def _answer(self, request: dict[str, Any]) -> bytes:
        if self.error:
            return json.dumps({"error": self.error}).encode() + b"\n"
        match request["ask"]:
            case "why-waiting":
                return b'{"reason": "the queue is full"}\n'
            case "connect":
                self.connect.append(request["connect"])
                return json.dumps({"size": len(self.pair)}).encode() + b"\n" + self.pair
            case "tokens":
                answer = {"size": len(self.tokens), "room": self.room}
                return json.dumps(answer).encode() + b"\n" + self.tokens
            case "end-applications":
                return json.dumps({"ended": self._end_spark()}).encode() + b"\n"
            case _:
                return b"{}\n"


@dataclass
class Reply:
    """What a cell has given.

    Attributes:
        status: `ok` or `error`.
        text: What it printed, and its result.
        error: The name and the value of its exception.
        traceback: What is shown of its exception.
        displays: The plain text of its displays, in order.
    """

    status: str = ""
    text: str = ""
    error: str = ""
    traceback: str = ""
    displays: list[str] = field(default_factory=list)


class StartedKernel:
    """A kernel's process and its client.

    Attributes:
        folder: The container's.
        process: The kernel's process, in a process group of its own.
    """

    def __init__(
        self, folder: Path, settings: Mapping[str, Any], env: Mapping[str, str], user: str | None
    ) -> None:
        self.folder = folder
        for each in (folder, folder / "work", folder / "logs"):
            each.mkdir(exist_ok=True)
            if user:
                shutil.chown(each, user, user)
        self._user = user
        self._program = _program(folder, env)
        self._environment = {
            "PATH": os.defpath, "HOME": str(folder), "IPYTHONDIR": str(folder / "ipython"),
            "JAVA_HOME": str(JAVA_HOME), "YARNHUB_CONTAINER": str(folder),
            "YARNHUB_SPARK": json.dumps(settings), "LOG_DIRS": str(folder / "logs"),
            "SPARK_LOCAL_IP": "127.0.0.1", "NM_HOST": "127.0.0.1",
            "YARNHUB_REQUESTS": str(folder / REQUESTS), **env,
        }  # fmt: skip
        self._start()

    def _start(self) -> None:
        connection, user = self.folder / "connection.json", self._user
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [PYTHON, *self._program, "--ip=127.0.0.1", "-f", connection],
                cwd=self.folder / "work", env=self._environment, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True, user=user, group=user,
                extra_groups=None if user is None else [],
            )  # fmt: skip
        while not (connection.exists() and connection.read_text().endswith("}")):
            assert self.process.poll() is None, self.log
        self.client = BlockingKernelClient(connection_file=str(connection))
        self.client.load_connection_file()
        # A heartbeat that is not answered within a second of the start is taken for a death.
        self.client.start_channels(hb=False)
        self.client.wait_for_ready(timeout=60)

    @property
    def log(self) -> str:
        """The output of the kernel and of Spark's driver."""
        files = (self.folder / "log", self.folder / "logs" / "spark-driver.log")
        return "\n".join(file.read_text(errors="replace") for file in files if file.exists())

    def run(
        self, code: str, timeout: float = 120, seen: Callable[[str], None] = lambda _: None
    ) -> Reply:
        """Run a cell.

        Args:
            code: Its code.
            timeout: Seconds.
            seen: Called with each text of it.
        """
        reply = Reply()

        def take(message: dict[str, Any]) -> None:
            content = message["content"]
            text = content.get("text") or content.get("data", {}).get("text/plain", "")
            if message["msg_type"] in ("display_data", "update_display_data"):
                reply.displays.append(text)
            elif message["msg_type"] == "error":
                reply.error = f"{content['ename']}: {content['evalue']}"
                reply.traceback = "\n".join(content["traceback"])
            else:
                reply.text += text
            seen(text)

        try:
            answer = self.client.execute_interactive(code, timeout=timeout, output_hook=take)
        except TimeoutError as error:
            raise AssertionError(f"{code!r} still runs: {reply}\n{self.log[-6000:]}") from error
        reply.status = answer["content"]["status"]
        return reply

    def good(self, code: str, timeout: float = 120) -> str:
        """Run a cell that must succeed; returns what it printed."""
        reply = self.run(code, timeout)
        assert reply.status == "ok", f"{reply}\n{self.log[-5000:]}"
        return reply.text.strip()

    def interrupt(self) -> None:
        """Interrupt it as YARN's launcher does: the process and what comes from it."""
        os.killpg(self.process.pid, signal.SIGINT)

    def restart(self) -> None:
        """Kill it, and start it with the same connection file, as Jupyter does."""
        self.close()
        self._start()

    def close(self) -> None:
        """Kill what is left of it."""
        self.client.stop_channels()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(30)


@contextlib.contextmanager
def started(
    folder: Path,
    settings: Mapping[str, Any] | None = None,
    user: str | None = None,
    spark: Mapping[str, Any] | None = None,
    /,
    **env: str,
) -> Iterator[StartedKernel]:
    """A kernel with the installed Spark, killed at the end.

    Args:
        folder: For the container's folder.
        settings: Spark's properties.
        user: The OS user; None for the current one.
        spark: Other fields of `SparkSettings`; class data is used if it was made for tests.
        env: Environment variables; with `PYTHONSTARTUP`, it is a plain kernel of IPython.
    """
    pyspark = installed_pyspark()
    zips = sorted((pyspark / "python" / "lib").glob("*.zip"))
    libs, class_data = unpacked.links()
    for name, target in {**libs, **{each.name: each for each in zips}}.items():
        (folder / name).symlink_to(target)
    document = {
        "version": "4.3.0",
        "jars": sorted(each.name for each in (pyspark / "jars").glob("*.jar")),
        "class_data": class_data,
        "python": [each.name for each in zips],
        "tag": TAG,
        "settings": dict(settings or {}),
        **(spark or {}),
    }
    kernel = StartedKernel(folder, document, env, user)
    try:
        yield kernel
    finally:
        kernel.close()


def _program(folder: Path, env: Mapping[str, str]) -> tuple[str | Path, ...]:
    """The arguments of Python before the kernel's own."""
    if "PYTHONSTARTUP" in env:
        return "-m", "ipykernel_launcher"
    return "-c", _RUN, pack(folder)


def pack(folder: Path) -> Path:
    """The driver's code as it travels: under another name, without yarnhub."""
    file = folder / "yarnhub-spark.zip"
    with zipfile.ZipFile(file, "w") as archive:
        for each in sorted(DRIVER.glob("*.py")):
            archive.write(each, f"yarnhub_spark/{each.name}")
    return file


def gone(pid: int, seconds: float = 30) -> bool:
    """Whether a process ends within a time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False
