"""The script beside an ApplicationMaster, run from a process of its own, as a container has it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

# Runs the script; ends it after a line on stdin. Prints the exit code, or what was raised.
RUNNER = """
import asyncio, sys
from pathlib import Path
from yarnhub.appmaster.shell import script as module

async def main():
    module._KILL_DELAY = float(sys.argv[2])
    task = asyncio.get_running_loop().create_task(
        module.run_script(sys.argv[1], Path("."), Path("log"), {"PATH": "/usr/bin:/bin", "A": "ä"})
    )
    async def end():
        if await asyncio.to_thread(sys.stdin.readline):
            task.cancel()
    ending = asyncio.get_running_loop().create_task(end())
    try:
        print(await task, flush=True)
    except asyncio.CancelledError:
        print("cancelled", flush=True)
    import os
    os._exit(0)  # the thread reads on

asyncio.run(main())
"""


class Master:
    """A process that runs a script as an ApplicationMaster does."""

    def __init__(self, folder: Path, script: str, *, grace: float = 5, leads: bool = True) -> None:
        self.folder = folder
        command = [sys.executable, "-X", "dev", "-c", RUNNER, script, str(grace)]
        if not leads:
            # A shell that leads the group, and stays.
            command = ["bash", "-c", '"$@"; exit', "bash", *command]
        self.process = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def result(self) -> str:
        output, errors = self.process.communicate(timeout=60)
        assert "Warning" not in errors
        return output.strip()

    def cancel(self) -> str:
        output, errors = self.process.communicate("\n", timeout=60)
        assert "Warning" not in errors
        return output.strip()

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    def pid(self, name: str) -> int:
        """The id that the script wrote into a file."""
        poll(
            lambda: (self.folder / name).exists() and bool((self.folder / name).read_text().strip())
        )
        return int((self.folder / name).read_text())


def poll(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state not in "ZX"  # X: it is being removed, and has no group anymore


@pytest.fixture(params=[True, False], ids=["leads its group", "in another's group"])
def leads(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.mark.parametrize(
    ("script", "code"),
    [("exit 0", "0"), ("exit 7", "7"), ("kill -9 $$", "137"), ("kill -TERM $$", "143")],
)
def test_exit_codes(tmp_path: Path, script: str, code: str, leads: bool) -> None:
    assert Master(tmp_path, script, leads=leads).result() == code


def test_output_folder_and_environment(tmp_path: Path) -> None:
    script = 'echo "$A $0 $(pwd)"; echo err >&2; env | cut -d= -f1 | sort | tr "\\n" " "; cat'
    assert Master(tmp_path, script).result() == "0"
    first, second, third = tmp_path.joinpath("log").read_text().splitlines()
    assert first == f"ä .skein.sh {tmp_path}"
    assert second == "err"
    assert set(third.split()) <= {"A", "PATH", "PWD", "SHLVL", "OLDPWD", "_"}


def test_the_log_is_added_to(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("before\n")
    Master(tmp_path, "echo after").result()
    assert (tmp_path / "log").read_text() == "before\nafter\n"


def test_cancelling_ends_the_script_and_what_it_started(tmp_path: Path, leads: bool) -> None:
    script = "sleep 100 & echo $! > child; trap 'echo bye; exit' TERM; echo $$ > self; wait"
    master = Master(tmp_path, script, leads=leads)
    child, itself = master.pid("child"), master.pid("self")
    assert master.cancel() == "cancelled"
    assert not alive(child)
    assert not alive(itself)
    assert master.log == "bye\n"


def test_what_does_not_end_by_itself_is_killed(tmp_path: Path, leads: bool) -> None:
    script = "trap '' TERM; echo $$ > self; while true; do sleep 100; done"
    master = Master(tmp_path, script, grace=0.3, leads=leads)
    itself = master.pid("self")
    assert master.cancel() == "cancelled"
    assert not alive(itself)


def test_what_the_script_leaves_behind_is_ended(tmp_path: Path, leads: bool) -> None:
    master = Master(tmp_path, "sleep 100 & echo $! > child; exit 3", leads=leads)
    assert master.result() == "3"
    assert not alive(master.pid("child"))


def test_a_node_manager_that_kills_the_container_kills_the_script(tmp_path: Path) -> None:
    # It kills the process group that the container's first process leads.
    master = Master(tmp_path, "sleep 100 & echo $! > child; echo $$ > self; wait")
    child, itself = master.pid("child"), master.pid("self")
    os.killpg(master.process.pid, signal.SIGKILL)
    master.process.communicate(timeout=60)
    poll(lambda: not alive(child) and not alive(itself))
