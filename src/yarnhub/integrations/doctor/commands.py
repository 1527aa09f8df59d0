"""Runs programs that the doctor asks."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


class Ended(NamedTuple):
    """How a program has ended, and what it wrote."""

    code: int | None
    output: str
    errors: str


async def run(*command: str, environment: Mapping[str, str] | None = None) -> Ended:
    """Run a program to its end; cancelling kills it.

    Args:
        command: The program, and what it is given.
        environment: Its variables; None takes ours.
    """
    process = await asyncio.create_subprocess_exec(
        *command,
        env=environment,
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
    return Ended(process.returncode, *(each.decode(errors="replace") for each in (output, errors)))
