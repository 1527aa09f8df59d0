"""A stand-in for the launcher in a container: a process that outlives the kernel's, and the server.

Its folder has `launch.json`. It serves the Unix socket `control` there: it sends its state whenever
that changes, and is sent orders, as lines of JSON. The kernel's sockets are `k-1` to `k-5`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import select
import signal
import sys
import time
from pathlib import Path
from typing import Any

import zmq
import zmq.asyncio

NAMES = ("shell_port", "iopub_port", "stdin_port", "control_port", "hb_port")
OVERLAP = 10.0
UNTRACKED = ("kernel_info_request", "interrupt_request", "debug_request", "comm_info_request")


class Launcher:
    def __init__(self, argv: list[str], env: dict[str, str], key: str) -> None:
        self.argv = argv
        self.env = [f"{name}={value}" for name, value in env.items()]
        self.key = key
        self.state: dict[str, object] = {"state": "starting", "generation": 0}
        self.kept: list[list[str]] = []
        self.writers: set[asyncio.StreamWriter] = set()
        self.listener: asyncio.StreamWriter | None = None
        self.keep_until = 0.0
        self.process: asyncio.subprocess.Process | None = None
        self.context = zmq.asyncio.Context()

    async def run(self) -> None:
        connection = {
            "transport": "ipc", "ip": "k", "key": self.key,
            "signature_scheme": "hmac-sha256", **{name: i + 1 for i, name in enumerate(NAMES)},
        }  # fmt: skip
        Path("connection.json").write_text(json.dumps(connection))
        server = await asyncio.start_unix_server(self.serve, "control", limit=1 << 26)
        Path("listens").touch()
        async with server, asyncio.TaskGroup() as group:
            self.group = group
            group.create_task(asyncio.Event().wait())  # it stays when the kernel has ended
            group.create_task(self.start(1))

    async def start(self, generation: int) -> None:
        if self.process is not None and self.process.returncode is None:
            self.process.kill()
            await self.process.wait()
        for path in Path().glob("k-*"):
            path.unlink()
        argv = [each.replace("{connection_file}", "connection.json") for each in self.argv]
        self.listener = None  # its connections have ended with the process
        if generation > 1:  # subscriptions arrive later than connections
            self.keep_until = time.monotonic() + OVERLAP
        self.tell(state="starting", generation=generation, code=None)
        self.process = await asyncio.create_subprocess_exec("/usr/bin/env", *self.env, *argv)
        self.group.create_task(self.watch(self.process, generation))
        with self.context.socket(zmq.REQ) as heart:
            heart.linger = 0
            heart.connect("ipc://k-5")
            await heart.send(b"bound?")
            bound: Any = heart.poll()  # a future
            ended = self.group.create_task(self.process.wait())
            await asyncio.wait([bound, ended], return_when=asyncio.FIRST_COMPLETED)
            bound.cancel()
            if not ended.done():
                self.group.create_task(self.listen(ended))

    async def watch(self, process: asyncio.subprocess.Process, generation: int) -> None:
        code = await process.wait()
        if self.process is process:
            self.tell(state="ended", code=code)

    async def listen(self, ended: asyncio.Task[int]) -> None:
        with self.context.socket(zmq.SUB) as published:
            published.subscribe(b"")
            published.connect("ipc://k-2")
            while True:
                received: Any = published.recv_multipart()  # a future
                await asyncio.wait([received, ended], return_when=asyncio.FIRST_COMPLETED)
                if not received.done():
                    received.cancel()
                    return
                self.take(received.result())

    def take(self, parts: list[bytes]) -> None:
        header = json.loads(parts[parts.index(b"<IDS|MSG>") + 2])
        parent = json.loads(parts[parts.index(b"<IDS|MSG>") + 3])
        if header["msg_type"] == "iopub_welcome":  # nothing is missed from now on
            self.tell(state="running")
            return
        if header["msg_type"] == "status" and parent.get("msg_type") not in UNTRACKED:
            content = json.loads(parts[parts.index(b"<IDS|MSG>") + 5])
            self.tell(activity=content["execution_state"])
        if self.nobody_listens() or time.monotonic() < self.keep_until:
            self.kept.append([each.hex() for each in parts])

    def nobody_listens(self) -> bool:
        if self.listener is None:
            return True
        poll = select.poll()
        poll.register(self.listener.get_extra_info("socket").fileno(), select.POLLRDHUP)
        return bool(poll.poll(0))

    def tell(self, **changes: object) -> None:
        self.state |= changes
        for each in self.writers:
            each.write(json.dumps(self.state).encode() + b"\n")

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.add(writer)
        self.tell()
        try:
            while line := await reader.readline():
                order = json.loads(line)
                if "listen" in order:
                    self.listener = writer if order["listen"] else None
                if "history" in order:
                    writer.write(json.dumps({"history": self.kept}).encode() + b"\n")
                if "received" in order:  # who asked for it may have been killed since
                    del self.kept[: order["received"]]
                    self.keep_until = 0.0
                if "start" in order:
                    self.group.create_task(self.start(order["start"]))
                if order.get("signal") and self.process and self.process.returncode is None:
                    with contextlib.suppress(ProcessLookupError):
                        self.process.send_signal(order["signal"])
                if "number" in order:
                    self.tell(order=order["number"])
        finally:
            self.writers.discard(writer)
            if self.listener is writer:
                self.listener = None
            writer.close()


if __name__ == "__main__":
    os.chdir(sys.argv[1])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    launcher = Launcher(**json.loads(Path("launch.json").read_text()))
    asyncio.run(launcher.run())
