"""Programs of builds: their output, their end, and that nothing of them is left."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from yarnhub.environments.errors import BuildError, DiskFullError
from yarnhub.environments.local_build.process import Runner
from yarnhub.environments.progress import Step

# A program that starts another one, prints the ids of both, and ends with neither.
PARENT = (
    "import os, subprocess, sys, time\n"
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
    "print(os.getpid(), child.pid, flush=True)\n"
)


def runner(folder: Path, seconds: float = 60) -> Runner:
    return Runner(Step.INSTALL, folder, {"LC_ALL": "C.UTF-8"}, seconds)


def python(program: str) -> list[str]:
    return [sys.executable, "-c", program]


def runs(process: int) -> bool:
    """Whether it runs; one that nobody has waited for has ended, too."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{process}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


async def test_lines_come_while_the_program_runs(tmp_path: Path) -> None:
    (tmp_path / "pipe").unlink(missing_ok=True)
    os.mkfifo(tmp_path / "pipe")
    seen: list[str] = []

    def line(text: str) -> None:
        seen.append(text)
        if text == "first":  # it ends only after this
            writer = os.open(tmp_path / "pipe", os.O_WRONLY)
            os.close(writer)

    program = (
        "print('first', flush=True); open('pipe').read(); print('\\033[1mlast\\033[0m', end='')"
    )
    await runner(tmp_path).run(python(program), line)
    assert seen == ["first", "last"]


async def test_a_failure_has_the_words_of_the_program(tmp_path: Path) -> None:
    program = "import sys; print('no'); print('solution', file=sys.stderr, flush=True); sys.exit(3)"
    with pytest.raises(BuildError) as caught:
        await runner(tmp_path).run(python(f"{program}"))
    assert sorted(caught.value.said) == ["no", "solution"]
    assert {"no", "solution"} == set(str(caught.value).split("\n"))
    assert caught.value.step is Step.INSTALL


async def test_a_failure_without_words(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match=r"failed with exit code 3 without a message"):
        await runner(tmp_path).run(python("import sys; sys.exit(3)"))
    with pytest.raises(BuildError, match=r"was killed by signal 9"):
        await runner(tmp_path).run(python("import os; os.kill(os.getpid(), 9)"))


@pytest.mark.parametrize("text", ["x (os error 28)", "OSError: [Errno 122] y", "[Errno 27]"])
async def test_a_full_disk_is_a_fault_of_its_own(tmp_path: Path, text: str) -> None:
    with pytest.raises(DiskFullError, match=r"no space is left on a disk, .*(28|122|27)"):
        await runner(tmp_path).run(python(f"print({text!r}); raise SystemExit(1)"))


async def test_a_program_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="cannot be started: No such file"):
        await runner(tmp_path).run([tmp_path / "missing"])


async def test_a_long_line_and_many_lines_are_cut(tmp_path: Path) -> None:
    program = "print('x' * 10_000_000)\nfor i in range(100_000): print(i)\nraise SystemExit(1)"
    with pytest.raises(BuildError) as caught:
        await runner(tmp_path).run(python(program))
    assert caught.value.said[-1] == "99999"
    assert len(caught.value.said) <= 200
    assert len(str(caught.value)) <= 4096


async def test_all_processes_have_ended_after_a_cancellation(tmp_path: Path) -> None:
    started: asyncio.Queue[str] = asyncio.Queue()
    program = f"{PARENT}time.sleep(600)"
    run = asyncio.get_running_loop().create_task(
        runner(tmp_path).run(python(program), started.put_nowait)
    )
    processes = [int(each) for each in (await started.get()).split()]
    assert all(map(runs, processes))
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert not any(map(runs, processes))


async def test_all_processes_have_ended_after_the_deadline(tmp_path: Path) -> None:
    seen: list[str] = []
    with pytest.raises(BuildError, match=r"took more than 5 seconds") as caught:
        await runner(tmp_path, 5).run(python(f"{PARENT}time.sleep(600)"), seen.append)
    assert list(caught.value.said) == seen
    assert not any(runs(int(each)) for each in seen[0].split())


async def test_a_process_that_is_left_is_killed(tmp_path: Path) -> None:
    """It has closed its output, so that the program's end is seen."""
    program = PARENT.replace("'])", "'], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)")
    seen: list[str] = []
    await runner(tmp_path).run(python(program), seen.append)
    assert not any(runs(int(each)) for each in seen[0].split())
