"""A holder whose containers are processes of this machine; the kernels in them are real."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import shutil
import signal
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from yarnhub.base.background import BackgroundTasks
from yarnhub.base.errors import DeadlineExceededError, YarnhubError
from yarnhub.client.explain.reasons import Diagnostics
from yarnhub.control import json as control_json
from yarnhub.control.outcomes import Cause, Outcome, Subject
from yarnhub.kernels.kernel import Kernel, KernelHolder, KernelState, KernelStatus
from yarnhub.kernels.protocol import Activity, Channel
from yarnhub.kernels.request import KernelRequest

if TYPE_CHECKING:
    from collections.abc import Sequence

STOPPED = Outcome(cause=Cause.KILLED_BY_MASTER, subject=Subject.APPLICATION)
OUT_OF_MEMORY = Outcome(
    cause=Cause.MEMORY, subject=Subject.APPLICATION, exit_code=-104, container="kernel_0"
)


class FakeKernel(Kernel):
    """Its folder outlives the holder, as a container does."""

    def __init__(self, request: KernelRequest, folder: Path, key: str, number: int) -> None:
        self.request = request
        self.folder = folder
        self.key = key
        self.application_id = f"application_1700000000000_{number:04}"
        self.stopped = 0
        self.may_end = asyncio.Event()
        self.may_end.set()
        self._status = KernelStatus(state=KernelState.WAITING)
        self._news = asyncio.Event()
        self._orders = 0
        self._confirmed = 0
        self.away = False
        self.refusals = 0
        self._listeners: list[asyncio.StreamWriter] = []
        self.slow = 0.0
        """Seconds until a connection to its output is open."""
        self.ahead = 0
        """Processes that its status has counted before its launcher reports them."""
        self.delayed: asyncio.Future[asyncio.Task[Any]] | None = None
        self._history: asyncio.Queue[list[list[bytes]]] = asyncio.Queue()
        self._control: asyncio.StreamWriter | None = None

    @property
    def status(self) -> KernelStatus:
        return self._status

    async def changed(self, seen: KernelStatus) -> KernelStatus:
        while self._status == seen:
            await self._news.wait()
        return self._status

    def change(self, **changes: Any) -> None:
        self._status = replace(self._status, **changes)
        self._news.set()
        self._news = asyncio.Event()

    # --- its container

    async def allocate(self) -> None:
        """Give it its container."""
        for name in self.request.files:  # as if YARN had unpacked the environment of the tests
            (self.folder / name).symlink_to(sys.prefix)
        argv = [word.replace("{resource_dir}", str(self.folder)) for word in self.request.argv]
        launch = {"argv": argv, "env": dict(self.request.env), "key": self.key}
        (self.folder / "launch.json").write_text(json.dumps(launch))
        (self.folder / "pid").write_text(str(_spawn(self.folder)))
        await self.join()

    async def join(self) -> None:
        """Connect to its launcher."""
        while not (self.folder / "listens").exists():
            await asyncio.sleep(0.02)
        path = str(self.folder / "control")
        reader, self._control = await asyncio.open_unix_connection(path, limit=1 << 26)
        self.change(connected=True, node="node1.example.com", waits_for=None)
        self._tasks = BackgroundTasks()
        _ = self._tasks.start(self._read(reader), "reports")

    async def _read(self, reader: asyncio.StreamReader) -> None:
        while line := await reader.readline():
            report = json.loads(line)
            if "history" in report:
                found = [[bytes.fromhex(part) for part in each] for each in report["history"]]
                self._history.put_nowait(found)
                continue
            self._confirmed = report.get("order", 0)
            self.change(
                state=KernelState(report["state"]),
                generation=report["generation"] + self.ahead,
                code=report.get("code"),
                activity=Activity(report.get("activity", "unknown")),
            )
        self.change(connected=False)

    def _order(self, **order: object) -> None:
        if self._control is None:
            raise DeadlineExceededError(f"the launcher of kernel {self.id} is not connected")
        self._orders += 1
        self._control.write(json.dumps(order | {"number": self._orders}).encode() + b"\n")

    async def die(self, outcome: Outcome) -> None:
        """End its container, as YARN does."""
        await self.leave()
        _kill(self.folder / "pid")
        shutil.rmtree(self.folder)
        self.change(state=KernelState.DEAD, outcome=outcome, connected=False)

    async def leave(self) -> None:
        if self._control is not None:
            await self._tasks.aclose()
            self._control.close()
            self._control = None

    # --- what holders do

    async def signal(self, number: int) -> None:
        self._order(signal=number)
        awaited = self._orders
        while self._confirmed < awaited:
            if not self._status.connected:
                raise DeadlineExceededError(f"the launcher of kernel {self.id} is not connected")
            await self._news.wait()

    async def restart(self) -> int:
        if self._status.state is KernelState.DEAD:
            raise YarnhubError(f"kernel {self.id} is dead")
        generation = self._status.generation + 1
        self._order(start=generation)
        return generation

    async def stop(self, *, now: bool = False) -> None:
        self.stopped += 1
        await self.may_end.wait()
        if self._status.state is not KernelState.DEAD:
            await self.die(STOPPED)

    async def open(
        self, channel: Channel, *, deadline: float = 30.0
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._status.state is KernelState.DEAD:
            raise YarnhubError(f"kernel {self.id} is dead")
        if self.away or self._status.state is not KernelState.RUNNING:
            raise DeadlineExceededError(f"kernel {self.id} is not connected")
        if channel is Channel.IOPUB:
            await asyncio.sleep(self.slow)
            self._order(listen=True)
        try:
            opened = await asyncio.open_unix_connection(self.folder / f"k-{channel.value}")
        except OSError as error:
            raise DeadlineExceededError(f"kernel {self.id} is not connected") from error
        if channel is Channel.IOPUB:
            self._listeners.append(opened[1])
        return opened

    def interrupt_channels(self, *, refusals: int = 0) -> None:
        """Close its output's channels until `away` is false; then refuse the history first."""
        self.away, self.refusals = True, refusals
        self._order(listen=False)
        for each in self._listeners:
            each.close()
        self._listeners.clear()

    def delay_history(self) -> asyncio.Future[asyncio.Task[Any]]:
        """Answer no request for the history; the first one's task becomes the result."""
        self.delayed = asyncio.get_running_loop().create_future()
        return self.delayed

    async def history(self) -> list[list[bytes]]:
        if self.delayed is not None:
            task = asyncio.current_task()
            assert task is not None
            if not self.delayed.done():
                self.delayed.set_result(task)
            await asyncio.Event().wait()
        if self.away or self.refusals:
            self.refusals -= not self.away
            raise DeadlineExceededError(f"the launcher of kernel {self.id} is not connected")
        self._order(history=True)
        found = await self._history.get()
        self._order(received=len(found))
        return found

    async def write_note(self, note: str) -> None:
        self.request = replace(self.request, note=note)


def _spawn(folder: Path) -> int:
    program = str(Path(__file__).with_name("fake_launcher.py"))
    log, flags = str(folder / "log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND
    return os.posix_spawn(
        sys.executable,
        [sys.executable, program, str(folder)],
        {"PATH": "/usr/bin:/bin", "HOME": str(folder)},
        file_actions=[(os.POSIX_SPAWN_OPEN, each, log, flags, 0o600) for each in (1, 2)],
        setsid=True,
    )


def _kill(file: Path) -> None:
    if file.exists():
        pid = int(file.read_text())
        os.killpg(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):  # a former server's
            os.waitpid(pid, 0)


class FakeHolder(KernelHolder):
    """What tests set decides what YARN does.

    Attributes:
        allocates: Whether kernels get their containers at once.
        waits_for: Why they wait, if they do.
        refusal: The error that `start` raises.
        unreachable: The error of each attempt to enter it.
        left: Whether it was left.
    """

    allocates = True
    waits_for: Any = None
    refusal: YarnhubError | None = None
    unreachable: YarnhubError | None = None

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.held: dict[str, FakeKernel] = {}
        self.started = 0
        self.left = False

    async def __aenter__(self) -> Self:
        if self.unreachable is not None:
            raise self.unreachable
        for file in sorted(self.folder.glob("fake-*.json")):
            record = json.loads(file.read_text())
            request = control_json.load(KernelRequest, record["request"].encode())
            kernel = FakeKernel(request, Path(record["folder"]), record["key"], record["number"])
            self.held[kernel.id] = kernel
            if not kernel.folder.exists():
                kernel.change(state=KernelState.DEAD, outcome=OUT_OF_MEMORY)
            elif (kernel.folder / "pid").exists():
                await kernel.join()
        return self

    async def aclose(self) -> None:
        self.left = True
        for kernel in self.held.values():
            await kernel.leave()

    async def start(self, request: KernelRequest) -> FakeKernel:
        if self.refusal is not None:
            raise self.refusal
        assert request.id not in self.held
        self.started += 1
        folder = Path(tempfile.mkdtemp(prefix="yhk-"))
        kernel = FakeKernel(request, folder, secrets.token_hex(16), self.started)
        record = {
            "request": control_json.dump(request).decode(), "folder": str(folder),
            "key": kernel.key, "number": self.started,
        }  # fmt: skip
        self._file(request.id).write_text(json.dumps(record))
        self.held[request.id] = kernel
        kernel.change(waits_for=self.waits_for)
        if self.allocates:
            await kernel.allocate()
        return kernel

    def find(self, kernel_id: str) -> FakeKernel | None:
        return self.held.get(kernel_id)

    def kernels(self) -> Sequence[FakeKernel]:
        return list(self.held.values())

    def forget(self, kernel_id: str) -> None:
        del self.held[kernel_id]
        self._file(kernel_id).unlink()

    def _file(self, kernel_id: str) -> Path:
        return self.folder / f"fake-{kernel_id}.json"


class WaitingHolder(FakeHolder):
    """Its queue is full."""

    allocates = False
    waits_for = Diagnostics("the queue root.default is full")
