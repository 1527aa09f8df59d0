"""A kernel with Spark, and the processes of all that belongs to it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kernels.launcher.client import Client

PATIENCE = 90.0
LOCALIZED = 400.0
"""Seconds in which a node fetches Spark for the first time."""
SUM = "print(spark.range(10**6).selectExpr('sum(id)').first()[0])"
RESULT = "499999500000\n"
LONG = "print(sc.parallelize(range(4), 4).map(lambda x: __import__('time').sleep(1)).count())"
REMEMBER = "import os, uuid; x = uuid.uuid4()"
RECALL = "print(os.getpid(), x)"
APPLICATION = "print(sc.applicationId)"
STOP = "if 'spark' in globals(): spark.stop()"


def of_application(application: str) -> dict[int, str]:
    """The processes in containers of an application, by their ids, with their commands."""
    number = application.removeprefix("application_")
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            variables = (folder / "environ").read_bytes().split(b"\0")
            (container,) = [each for each in variables if each.startswith(b"CONTAINER_ID=")] or [
                b""
            ]
            state = (folder / "stat").read_bytes().rpartition(b")")[2].split()[0]
            if f"_{number}_".encode() in container and state not in (b"Z", b"X"):
                found[int(folder.name)] = (folder / "cmdline").read_bytes().decode(errors="replace")
    return found


def drivers(application: str) -> list[int]:
    """The JVMs of Spark's drivers in the container of a kernel."""
    found = of_application(application).items()
    return [pid for pid, command in found if "/java\0@" in command]


def executors(application: str) -> list[int]:
    """The JVMs of the executors of an application of Spark."""
    found = of_application(application).items()
    return [pid for pid, command in found if "/java\0" in command and "Executor" in command]


def parent(pid: int) -> int:
    """The parent of a process."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def kill(*pids: int) -> None:
    """Kill processes, of which some may have ended."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


async def run(client: Client, code: str) -> str:
    """What some code prints, and its error."""
    return await output(client, client.client.execute(code))


async def output(client: Client, request: str) -> str:
    """What a cell prints, and its error; a node may fetch Spark meanwhile."""
    found = ""
    while True:
        message = await client.client.get_iopub_msg(timeout=LOCALIZED)
        if message["parent_header"].get("msg_id") != request:
            continue
        content = message["content"]
        found += str(content.get("text", ""))
        if message["msg_type"] == "error":
            found += f"{content['ename']}: {content['evalue']}"
        if content.get("execution_state") == "idle":
            return found


async def no_driver(application: str) -> None:
    """Wait until a kernel's container has no JVM of a driver."""
    deadline = time.monotonic() + PATIENCE
    while found := await asyncio.to_thread(drivers, application):
        assert time.monotonic() < deadline, found
        await asyncio.sleep(0.1)


async def gone(application: str) -> None:
    """Wait until there is no process in containers of an application."""
    deadline = time.monotonic() + PATIENCE
    while found := await asyncio.to_thread(of_application, application):
        assert time.monotonic() < deadline, found
        await asyncio.sleep(0.1)


async def shown(client: Client, request: str, words: str) -> str:
    """Wait until a cell shows some words; returns all that is shown there."""
    async with asyncio.timeout(PATIENCE):
        while True:
            message = await client.client.get_iopub_msg()
            if message["parent_header"].get("msg_id") == request:
                text = str(message["content"].get("data", {}).get("text/plain", ""))
                assert message["content"].get("execution_state") != "idle", message
                if words in text:
                    return text
