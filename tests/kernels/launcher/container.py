"""A container that runs a launcher, started and ended as a NodeManager does."""

from __future__ import annotations

import asyncio
import contextlib
import json as plain_json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from appmaster.bootstrap import APPLICATION
from appmaster.core.scenario import service
from appmaster.shell.server.serving import PAIR
from yarn.launcher import write_script
from yarnhub.appmaster.core.contexts import ContextBuilder
from yarnhub.control import json
from yarnhub.control.bootstrap import CERTIFICATE, KEY, RESOURCE_MANAGERS, named_secrets
from yarnhub.hadoop.wire.tokens import TokenStorage
from yarnhub.kernels.launcher_zip import launcher_command, launcher_secrets
from yarnhub.kernels.protocol import LAUNCH, Launch

IPYKERNEL = (sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}")
HMAC = "the key of messages"
BIND = """
import json, os, socket, sys
info = json.load(open(sys.argv[1]))
sockets = []
for name in ("hb", "control", "stdin", "iopub", "shell"):
    port = info[name + "_port"]
    if info["transport"] == "ipc":
        made = socket.socket(socket.AF_UNIX)
        made.bind(f"{info['ip']}-{port}")
    else:
        made = socket.socket()
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((info["ip"], port))
    made.listen()
    sockets.append(made)
"""
"""The beginning of a kernel that binds its sockets and says nothing."""


def silent_kernel(code: str = "import time; time.sleep(1000)") -> tuple[str, ...]:
    """The command of a kernel that starts soon, binds its sockets, and then runs some code."""
    return (sys.executable, "-ISc", BIND + code, "{connection_file}")


PUBLISH = """
import threading, time, zmq
out = zmq.Context().socket(zmq.XPUB)
sockets[3].close()
os.unlink(f"{info['ip']}-{info['iopub_port']}")
out.bind(f"ipc://{info['ip']}-{info['iopub_port']}")
def serve(connection):
    for line in connection.makefile():
        kind, count, size = line.split()
        if kind == "subscribed":
            for _ in range(int(count)):
                out.recv()
        else:
            for number in range(int(count)):
                header = json.dumps({"msg_type": kind, "msg_id": f"{size}-{number}"})
                content = json.dumps({"execution_state": size, "text": "x" * int(size)
                                      if size.isdigit() else ""})
                out.send_multipart([b"topic", b"<IDS|MSG>", b"", header.encode(), b"{}", b"{}",
                                    content.encode()])
        connection.sendall(b"done\\n")
while True:
    threading.Thread(target=serve, args=sockets[4].accept()[:1], daemon=True).start()
"""
"""A kernel that publishes what it is told to, in plain lines to its shell socket."""


def publishing_kernel() -> tuple[str, ...]:
    return (sys.executable, "-c", BIND + PUBLISH, "{connection_file}")


def launch(argv: tuple[str, ...] = IPYKERNEL, **settings: Any) -> Launch:
    return Launch(**{"argv": argv, "env": {}, "key": HMAC, "name": "python3", **settings})


class Container:
    """The container's folder and processes."""

    def __init__(self, folder: Path, port: int) -> None:
        # Longer than the path of a Unix socket may be.
        self.folder = folder / "filecache" / ("container_" + "0" * 100)
        self.folder.mkdir(parents=True)
        self.log = self.folder / "logs" / "kernel.log"
        self.port = port
        self.process: asyncio.subprocess.Process | None = None
        self.variables: dict[str, str] = {}
        self.prologue = ""
        self.managers = b"127.0.0.1:1"

    async def start(
        self,
        given: Launch,
        *,
        python: str = sys.executable,
        agent: bytes = b"",
        program: dict[str, bytes] | None = None,
    ) -> int:
        """Start it; returns the process id of its first process."""
        secrets = {CERTIFICATE: PAIR.certificate, KEY: PAIR.key, RESOURCE_MANAGERS: self.managers}
        secrets |= named_secrets({LAUNCH: json.dump(given), **(program or launcher_secrets())})
        own = TokenStorage({}, secrets)
        contexts = ContextBuilder(APPLICATION, f"127.0.0.1:{self.port}", own, agent)
        script = f"{self.prologue}\n{' '.join(launcher_command(python))}"
        made = contexts.build("kernel", service(script=script), 0, {})
        tokens = self.folder / "container_tokens"
        tokens.write_bytes(made.tokens or b"")
        environment = {
            **made.environment,
            "HADOOP_TOKEN_FILE_LOCATION": str(tokens),
            "LOG_DIRS": f"{self.folder}/logs,/elsewhere",
            **self.variables,
        }
        self.process = await asyncio.create_subprocess_exec(
            "/bin/bash",
            str(write_script(self.folder, environment, made.command)),
            cwd=self.folder,
            env={"PATH": "/usr/local/bin:/usr/bin:/bin"},
            start_new_session=True,
        )
        return self.process.pid

    async def tell(self, line: str) -> None:
        """Have a publishing kernel do something, whoever is connected to it or not."""
        assert self.process is not None
        path = f"/proc/{self.process.pid}/cwd/.kernel/s-1"
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(line.encode() + b"\n")
        async with asyncio.timeout(60):
            assert await reader.readline() == b"done\n"
        writer.close()

    def signal(self, number: int) -> None:
        """Send a signal to the container's process group, as a NodeManager does."""
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)

    async def wait(self) -> int:
        assert self.process is not None
        async with asyncio.timeout(60):
            return await self.process.wait()

    async def kill(self) -> None:
        if self.process is not None:
            self.signal(signal.SIGKILL)
            await self.process.wait()

    def processes(self) -> dict[int, str]:
        """All processes that run in the container, and their command lines."""
        mark = f"HADOOP_TOKEN_FILE_LOCATION={self.folder}/container_tokens".encode()
        found = {}
        for path in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if mark in (path / "environ").read_bytes().split(b"\0"):
                    found[int(path.name)] = (path / "cmdline").read_bytes().decode()
        return found

    async def until_processes(self, count: int) -> None:
        """Wait until it has so many processes."""
        async with asyncio.timeout(60):
            while len(self.processes()) != count:
                await asyncio.sleep(0.02)

    async def until_exists(self, name: str) -> None:
        async with asyncio.timeout(60):
            while not (self.folder / name).exists():
                await asyncio.sleep(0.02)

    def json(self, name: str) -> Any:
        return plain_json.loads((self.folder / name).read_bytes())

    def connection_file(self) -> Any:
        return self.json(".kernel/connection.json")

    def memory(self) -> int:
        """Bytes that the launcher has in memory."""
        assert self.process is not None
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) * 1024

    def says(self, text: str) -> bool:
        return self.log.exists() and text in self.log.read_text()

    async def until_says(self, text: str) -> None:
        async with asyncio.timeout(60):
            while not self.says(text):
                await asyncio.sleep(0.02)
