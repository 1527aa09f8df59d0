"""The kernel's process; none of this needs an event loop, so that it starts before there is one."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from typing import TYPE_CHECKING

from yarnhub.base.home_folder import home_folder
from yarnhub.kernels.launcher import sockets
from yarnhub.kernels.launcher.descendants import descendants, exists, own_children, send
from yarnhub.kernels.launcher.sockets import LoopbackPorts, UnixSockets, write_connection_file
from yarnhub.kernels.protocol import CONTAINER, GENERATION, REQUESTS, ProcessState

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from yarnhub.kernels.protocol import Launch

WORK = "work"
"""The folder that the kernel starts in, in the container's; the same as a user's server has."""
_PYTHON = re.compile(r"python(3(\.\d+)?)?")
_MAX_ERROR = 500
"""Characters; a path may have thousands."""
_ENDING = frozenset({signal.SIGTERM, signal.SIGKILL, signal.SIGHUP})
"""Signals for what the kernel has left behind, too."""


class KernelProcess:
    """The processes of a kernel, one after the other.

    Args:
        launch: What it is started with.
        folder: The container's folder, in which this process runs.
        variables: The container's environment.
        python: What `python` is in its command; empty for the first one in its `PATH`.

    Attributes:
        generation: Counts the processes.
        state: Of the latest one.
        pid: Of the latest one; 0 if it could not be started.
        code: Its exit code once it has ended; negative for a signal.
        error: Why it could not be started.
        sockets: Where it binds.
    """

    def __init__(
        self, launch: Launch, folder: Path, variables: Mapping[str, str], python: str = ""
    ) -> None:
        self.generation = 0
        self.state = ProcessState.ENDED
        self.pid = 0
        self.code: int | None = None
        self.error = ""
        self.sockets = UnixSockets(folder) if launch.transport == "ipc" else LoopbackPorts()
        self._launch = launch
        self._folder = folder
        self._python = python
        self._variables = variables
        self._others = own_children()
        """What the container's script has started before."""
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, generation: int) -> None:
        """Start a process, when the one before has ended; see `state` and `error` then."""
        self.generation = generation
        self.pid, self.code, self.error = 0, None, ""
        try:
            self.sockets.prepare()
            file = write_connection_file(self._folder, self._launch, self.sockets)
            # Not in a session or a process group of its own: YARN ends the container's.
            self._process = subprocess.Popen(
                self._command(file),
                cwd=self._start_folder(),
                env=self._environment(),
                stdin=subprocess.DEVNULL,
            )
        except (OSError, ValueError) as error:
            self.state = ProcessState.ENDED
            self.error = _reason(error)[:_MAX_ERROR]
        else:
            self.state = ProcessState.STARTING
            self.pid = self._process.pid

    def ended(self, code: int) -> None:
        """The process has ended, and was reaped."""
        assert self._process is not None
        self._process.returncode = self.code = code
        self.state = ProcessState.ENDED

    def send(self, number: int) -> None:
        """Send a signal to the process and its descendants, parents first."""
        for pid in self.members(everything=number in _ENDING):
            send(pid, number)

    def members(self, *, everything: bool) -> list[int]:
        """The process and its descendants that run.

        Args:
            everything: With those whose parents have ended.
        """
        if everything:
            return descendants(os.getpid(), without=self._others)
        if self.state is ProcessState.ENDED or not exists(self.pid):
            return []
        return [self.pid, *descendants(self.pid)]

    def _command(self, file: Path) -> list[str]:
        values = {"{connection_file}": str(file), "{resource_dir}": str(self._folder)}
        words = []
        for word in self._launch.argv:
            for name, value in values.items():
                word = word.replace(name, value)  # noqa: PLW2901
            words.append(word)
        if not words:
            raise ValueError("the kernelspec has no argv")
        if _PYTHON.fullmatch(words[0]) and (self._python or not self._has(words[0])):
            words[0] = self._python or "python3"
        return words

    def _has(self, program: str) -> bool:
        """Whether the kernel's `PATH` has a program."""
        folders = os.get_exec_path(self._environment())
        return any(os.access(os.path.join(each, program), os.X_OK) for each in folders)  # noqa: PTH118

    def _start_folder(self) -> Path:
        if self._launch.cwd:
            return self._folder / self._launch.cwd
        work = self._folder / WORK
        work.mkdir(mode=0o700, exist_ok=True)
        return work

    def _environment(self) -> dict[str, str]:
        own = {
            "HOME": str(home_folder(self._variables.get("USER", ""), self._folder)),
            # HOME may be the same for many kernels; IPython keeps a database there.
            "IPYTHONDIR": str(self._folder / ".ipython"),
            CONTAINER: str(self._folder),
            GENERATION: str(self.generation),
            REQUESTS: sockets.for_kernel(sockets.REQUESTS),
        }
        if (pid := os.getpid()) != 1:  # ipykernel ends with this process
            own["JPY_PARENT_PID"] = str(pid)
        return {**self._variables, **own, **self._launch.env}


def _reason(error: OSError | ValueError) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    return str(error)
