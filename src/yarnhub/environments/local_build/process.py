"""Runs the programs of a build: their lines as progress, and nothing left if it is cancelled."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import re
import signal
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from yarnhub.base.deadline import Deadline
from yarnhub.base.foreign_text import clean_and_cut
from yarnhub.environments.errors import BuildError, DiskFullError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from yarnhub.environments.progress import Step

_MAX_LINE = 16 * 1024
"""Bytes of a line; the rest of a longer one is dropped."""
_KEPT_LINES = 200
"""Lines that an error has: a solver's explanation can have a hundred."""
_CHUNK = 64 * 1024
_PATIENCE, _INTERVAL = 5.0, 0.01
"""Seconds to wait for the end of killed processes, and between two looks. Nothing reports the end
of a process of another parent; in some containers it stays a zombie."""
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
# Rust writes an error of the system like this, and Python like the second.
_ERROR_NUMBER = re.compile(r"\(os error (\d{1,5})\)|\[Errno (\d{1,5})\]")


@dataclass(frozen=True, slots=True)
class Runner:
    """Runs programs for one step.

    Attributes:
        step: The step.
        folder: Where they start.
        variables: Their environment.
        seconds: How long one of them can take.
    """

    step: Step
    folder: Path
    variables: Mapping[str, str]
    seconds: float

    async def run(
        self, command: Sequence[str | os.PathLike[str]], line: Callable[[str], None] | None = None
    ) -> None:
        """Run a program. What it is run for is in a file, or comes by `line`.

        If cancelled, the program and all that it has started is killed and has ended.

        Args:
            command: The program and its arguments.
            line: Called with each line of its output, as it comes.

        Raises:
            BuildError: It failed, with its own words first; or it took too long.
            DiskFullError: It failed because the disk is full.
        """
        argv = [os.fspath(each) for each in command]
        name = os.path.basename(argv[0])  # noqa: PTH119  # no path object for one name
        try:
            process = await asyncio.create_subprocess_exec(
                *argv,
                cwd=self.folder,
                env=dict(self.variables),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            raise BuildError(self.step, f"{argv[0]} cannot be started: {error.strerror}") from error
        lines = _Lines(line)

        def late() -> BuildError:
            return BuildError(
                self.step, f"{name} took more than {self.seconds:g} seconds", lines.said
            )

        try:
            async with Deadline(self.seconds, late):
                assert process.stdout is not None
                while chunk := await process.stdout.read(_CHUNK):
                    lines.feed(chunk)
                lines.end()
                code = await process.wait()
        finally:
            await _kill(process)
        if code != 0:
            self._fail(name, code, list(lines.said))

    def _fail(self, name: str, code: int, said: list[str]) -> None:
        # What uv prints before it is about what has succeeded.
        begin = next((i for i, line in enumerate(said) if line.startswith("error:")), 0)
        text = clean_and_cut("\n".join(said[begin:]).strip())
        if code == -signal.SIGXFSZ or _names_full_disk(said):
            raise DiskFullError(self.step, disk_is_full(self.folder, text), said)
        how = f"was killed by signal {-code}" if code < 0 else f"failed with exit code {code}"
        raise BuildError(self.step, text or f"{name} {how} without a message", said)


def disk_is_full(folder: Path, text: str = "") -> str:
    """The message about a disk without space; the words of a program name its files themselves."""
    where, detail = ("a disk", f": {text}") if text else (f"the disk of {folder}", "")
    return f"no space is left on {where}, or a quota or limit is reached{detail}"


def is_full(error: OSError) -> bool:
    """Whether an error of the system means that the disk, or a quota, is full."""
    return error.errno in _FULL


def _names_full_disk(said: Sequence[str]) -> bool:
    numbers = [int(a or b) for line in said for a, b in _ERROR_NUMBER.findall(line)]
    return any(number in _FULL for number in numbers)


class _Lines:
    """Splits output into lines of bounded length."""

    def __init__(self, line: Callable[[str], None] | None) -> None:
        self._line = line
        self._rest = b""
        self.said: deque[str] = deque(maxlen=_KEPT_LINES)

    def feed(self, chunk: bytes) -> None:
        """Take output."""
        *lines, rest = (self._rest + chunk).split(b"\n")
        self._rest = rest[:_MAX_LINE]
        for each in lines:
            self._add(each)

    def end(self) -> None:
        """Take what has no end of line."""
        if self._rest:
            self._add(self._rest)
            self._rest = b""

    def _add(self, line: bytes) -> None:
        text = clean_and_cut(line[:_MAX_LINE].decode(errors="replace").rstrip())
        if self._line is not None:
            self._line(text)
        self.said.append(text)


async def _kill(process: asyncio.subprocess.Process) -> None:
    """Kill the program's group, and wait until it has ended: uv and Python start others."""
    transport = process._transport  # type: ignore[attr-defined]  # noqa: SLF001  # see below
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    # Otherwise a process that inherited the pipe would keep `wait` from returning.
    transport.close()
    await process.wait()
    with contextlib.suppress(ProcessLookupError, TimeoutError):
        async with asyncio.timeout(_PATIENCE):
            while True:
                os.killpg(process.pid, 0)
                await asyncio.sleep(_INTERVAL)
