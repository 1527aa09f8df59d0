"""Runs the commands of the checks."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class CommandResult(NamedTuple):
    """The exit code and the output of a command; the code is None if it is unknown."""

    code: int | None
    output: str
    errors: str


async def run_command(
    *command: str, environment: Mapping[str, str] | None = None, folder: Path | None = None
) -> CommandResult:
    """Run a command and return its result. Cancelling kills it.

    Args:
        command: The program and its arguments.
        environment: Its environment; None passes the caller's.
        folder: Its working directory; None for the caller's.
    """
    process = await asyncio.create_subprocess_exec(
        *command,
        env=environment,
        cwd=folder,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        output, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return CommandResult(
        process.returncode, *(each.decode(errors="replace") for each in (output, errors))
    )
