"""Runs programs until they exit, if needed with retries."""

from __future__ import annotations

import asyncio
import contextlib
import shlex
import time
from typing import TYPE_CHECKING

from yarnhub.base.deadline import Deadline
from yarnhub.cluster.errors import ClusterError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

RETRY_INTERVAL = 0.2
"""Seconds between two runs of a program while its server is starting."""


async def run_program(
    command: Sequence[str],
    environment: Mapping[str, str],
    *,
    stdin: bytes = b"",
    deadline: float = 60,
) -> str:
    """Run a program; returns its output.

    Cancelling kills the program.

    Raises:
        ClusterError: It failed, with its output, or ran for more than `deadline` seconds.
    """
    process = await asyncio.create_subprocess_exec(
        *command,
        env=dict(environment),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    name = shlex.join(command[:3])
    try:
        async with Deadline(deadline, ClusterError(f"{name} did not finish within {deadline:g} s")):
            output, _ = await process.communicate(stdin)
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    text = output.decode(errors="replace").strip()
    if process.returncode != 0:
        raise ClusterError(f"{name} failed with exit code {process.returncode}: {text}")
    return text


async def run_with_retries(
    command: Sequence[str],
    environment: Mapping[str, str],
    *,
    stdin: bytes,
    deadline: float,
    give_up: Callable[[], bool],
) -> str:
    """Run a program until it succeeds; returns its output.

    For servers that report to be ready too early. Cancelling kills the program.

    Args:
        command: A program that can be repeated, even after a partial run.
        environment: Its variables.
        stdin: Its standard input.
        deadline: Seconds for all runs together.
        give_up: Whether another try is pointless.

    Raises:
        ClusterError: It did not succeed, with the output of the last complete run.
    """
    end = time.monotonic() + deadline
    failure: ClusterError | None = None
    while True:
        left = end - time.monotonic()
        try:
            return await run_program(command, environment, stdin=stdin, deadline=left)
        except ClusterError as error:
            if time.monotonic() > end and failure is not None:
                raise failure from error
            if time.monotonic() + RETRY_INTERVAL > end or give_up():
                raise
            failure = error
        await asyncio.sleep(RETRY_INTERVAL)
