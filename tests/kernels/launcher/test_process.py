"""The launcher and the processes of kernels that say nothing, started as a NodeManager does."""

from __future__ import annotations

import os
import signal
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from interpreters import PYTHONS
from kernels.launcher.container import BIND, launch, silent_kernel
from kernels.launcher.program import program_with
from yarnhub.kernels.protocol import Activity, Channel, ProcessState

if TYPE_CHECKING:
    from kernels.launcher.container import Container
    from kernels.launcher.end import End

FAMILY = """
import subprocess, sys, time
CHILD = "import sys, time; open(sys.argv[1], 'w').close(); time.sleep(1000)"
child = subprocess.Popen([sys.executable, "-ISc", CHILD, "child"])
# One whose parent ends, and one in a session of its own.
subprocess.run(["/bin/sh", "-c", f"{sys.executable} -ISc \\"{CHILD}\\" orphan & "], check=True)
subprocess.Popen([sys.executable, "-ISc", CHILD, "session"], start_new_session=True)
while not all(map(os.path.exists, ("child", "orphan", "session"))):
    time.sleep(0.01)
open("ready", "w").close()
time.sleep(1000)
"""


async def test_it_starts_a_kernel_and_reports_it(container: Container, end: End) -> None:
    launcher = await container.start(launch(silent_kernel(), env={"SECRET_OF_USER": "sesame"}))
    report = await end.running()

    assert (report.generation, report.code, report.error) == (1, None, "")
    assert report.activity is Activity.UNKNOWN
    own = Path(f"/proc/{report.pid}")
    assert b"SECRET_OF_USER=sesame" in (own / "environ").read_bytes().split(b"\0")
    assert (own / "cwd").readlink() == container.folder / "work"
    assert os.getpgid(report.pid) == launcher, "YARN ends the process group"
    file = container.folder / ".kernel" / "connection.json"
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    commands = "".join(container.processes().values())
    for secret in ("sesame", "the key of messages"):
        assert secret not in commands
        assert not container.says(secret)


async def test_restart_in_place(container: Container, end: End) -> None:
    await container.start(launch(silent_kernel()))
    first = await end.running()
    await end.order(start=2)
    second = await end.running(2)

    assert second.pid != first.pid
    assert first.pid not in container.processes()
    assert len(container.processes()) == 2


@pytest.mark.parametrize(
    ("code", "expected"),
    [("os._exit(3)", 3), ("os.kill(os.getpid(), 11)", -11), ("sys.exit()", 0)],
)
async def test_a_process_that_ends_can_be_started_again(
    container: Container, end: End, code: str, expected: int
) -> None:
    wait = "import time\nwhile not os.path.exists('go'): time.sleep(0.01)\n"
    await container.start(launch(silent_kernel(wait + code)))
    await end.running()
    (container.folder / "work" / "go").touch()
    report = await end.ended()
    assert (report.generation, report.code) == (1, expected)

    (container.folder / "work" / "go").unlink()
    await end.order(start=2)
    report = await end.running(2)
    assert report.code is None


@pytest.mark.parametrize("python", PYTHONS)
async def test_a_restart_leaves_nothing_of_the_process_before(
    container: Container, end: End, python: str
) -> None:
    await container.start(launch(silent_kernel(FAMILY)), python=python)
    await end.running()
    await container.until_exists("work/ready")
    assert len(container.processes()) == 5
    (container.folder / "work" / "ready").unlink()
    old = set(container.processes())
    await end.order(start=2)
    await end.running(2)
    await container.until_exists("work/ready")
    await container.until_processes(5)
    assert len(old & set(container.processes())) == 1, "the launcher"


async def test_an_interrupt_reaches_the_process_and_its_children(
    container: Container, end: End
) -> None:
    await container.start(launch(silent_kernel(FAMILY)))
    await end.running()
    await container.until_exists("work/ready")
    await end.order(signal=signal.SIGINT)
    report = await end.ended()
    assert report.code in (1, -signal.SIGINT)
    # It has lost its parent, like what `nohup` starts: it is not what runs in the foreground.
    await container.until_processes(2)
    (orphan,) = (line for line in container.processes().values() if "\0orphan" in line)
    assert orphan


async def test_a_kill_reaches_what_has_lost_its_parent(container: Container, end: End) -> None:
    await container.start(launch(silent_kernel(FAMILY)))
    await end.running()
    await container.until_exists("work/ready")
    await end.order(signal=signal.SIGKILL)
    report = await end.ended()
    assert report.code == -signal.SIGKILL
    await container.until_processes(1)


async def test_a_container_that_is_killed_leaves_no_orphans(container: Container, end: End) -> None:
    await container.start(launch(silent_kernel(FAMILY.replace("start_new_session=True", ""))))
    await end.running()
    await container.until_exists("work/ready")
    assert len(container.processes()) == 5
    container.signal(signal.SIGKILL)
    assert await container.wait() == -signal.SIGKILL
    await container.until_processes(0)


async def test_what_the_prologue_has_started_stays(container: Container, end: End) -> None:
    container.prologue = "sleep 1000 & (sleep 1001; sleep 1002) &"
    await container.start(launch(silent_kernel()))
    await end.running()
    await container.until_processes(5)
    before = set(container.processes())
    await end.order(start=2)
    await end.running(2)
    assert len(container.processes()) == 5
    assert len(before & set(container.processes())) == 4


async def test_sigterm_ends_the_kernel_politely(container: Container, end: End) -> None:
    code = """
import signal, time
def leave(*_):
    open("left", "w").close()
    sys.exit()
signal.signal(signal.SIGTERM, leave)
time.sleep(1000)
"""
    launcher = await container.start(launch(silent_kernel(code)))
    await end.running()
    os.kill(launcher, signal.SIGTERM)
    assert await container.wait() == 143
    assert (container.folder / "work" / "left").exists()
    await container.until_processes(0)
    assert not container.says("Traceback")


async def test_sigterm_ends_a_stubborn_kernel(container: Container, end: End) -> None:
    code = "import signal, time; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True)\n"
    await container.start(
        launch(silent_kernel(code + FAMILY)), program=program_with(GRACE_PERIOD="0.3")
    )
    await end.running()
    await container.until_exists("work/ready")
    container.signal(signal.SIGTERM)
    assert await container.wait() == 143
    await container.until_processes(0)


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"argv": ("/no such program",)}, "No such file or directory: /no such program"),
        ({"argv": ()}, "the kernelspec has no argv"),
        ({"argv": ("/etc/passwd",)}, "Permission denied: /etc/passwd"),
        ({"argv": ("a\0b",)}, "embedded null byte"),
        ({"argv": ("true",), "cwd": "/no such folder"}, "No such file or directory: "),
        ({"argv": ("true",), "env": {"A": "x" * 200_000}}, "Argument list too long: "),
    ],
)
async def test_a_kernel_that_cannot_be_started_says_why(
    container: Container, end: End, settings: dict[str, object], error: str
) -> None:
    await container.start(launch(**settings))  # type: ignore[arg-type]
    report = await end.ended()
    assert report.error.startswith(error)
    assert (report.pid, report.code) == (0, None)
    await end.order(start=2)
    report = await end.ended()
    assert report.error.startswith(error)
    assert report.generation == 2


async def test_a_kernel_that_never_binds_can_be_ended(container: Container, end: End) -> None:
    await container.start(launch((sys.executable, "-ISc", "import time; time.sleep(1000)")))
    report = await end.until(lambda report: report.pid)
    assert report.state is ProcessState.STARTING
    _, writer = await end.open(Channel.SHELL)  # it waits
    await end.order(signal=signal.SIGKILL)
    report = await end.ended()
    assert report.code == -signal.SIGKILL
    writer.close()
    container.signal(signal.SIGTERM)
    assert await container.wait() == 143


async def test_the_kernel_may_interrupt_its_process_group(container: Container, end: End) -> None:
    await container.start(launch(silent_kernel("os.killpg(0, 2)")))
    report = await end.ended()
    assert report.generation == 1
    await end.order(start=2)
    assert (await end.ended()).generation == 2


async def test_ports_of_the_loopback_interface(container: Container, end: End) -> None:
    await container.start(launch(silent_kernel(), transport="tcp"))
    await end.running()
    before = container.connection_file()
    await end.order(start=2)
    await end.running(2)
    assert container.connection_file() == before, "the same ports"
    assert before["ip"] == "127.0.0.1"


async def test_ports_that_are_taken_are_replaced(container: Container, end: End) -> None:
    code = f"""
import os, time
while not os.path.exists("go"):
    time.sleep(0.01)
try:
    exec({BIND!r})
except OSError:
    time.sleep(0.5)  # all ports are bound, one of them by another program
    raise
time.sleep(1000)
"""
    await container.start(
        launch((sys.executable, "-ISc", code, "{connection_file}"), transport="tcp")
    )
    first = await end.until(lambda report: report.pid)
    port = container.connection_file()["shell_port"]
    with socket.create_server(("127.0.0.1", port)):
        (container.folder / "work" / "go").touch()
        report = await end.running()
    assert report.generation == 1
    assert report.pid != first.pid
    assert container.says("its ports were taken by another program")
    assert container.connection_file()["shell_port"] != port


async def test_the_environment_of_a_kernel(container: Container, end: End) -> None:
    code = (
        "json.dump(dict(os.environ), open('new', 'w')); os.rename('new', 'environment')\n"
        "import time; time.sleep(1000)"
    )
    container.variables = {"USER": "nobody-here", "HOME": "/home/"}
    await container.start(launch(silent_kernel(code), env={"A": "{connection_file} $B"}))
    await end.running()
    await container.until_exists("work/environment")
    found = container.json("work/environment")
    assert found["A"] == "{connection_file} $B"
    assert found["YARNHUB_GENERATION"] == "1"
    assert found["HOME"] == str(container.folder)
    assert found["IPYTHONDIR"] == str(container.folder / ".ipython")
    assert "YARNHUB_SCRIPT" not in found


@pytest.mark.parametrize("named", [True, False])
async def test_a_bare_python(container: Container, end: End, named: bool) -> None:
    command = ("python", *silent_kernel()[1:])
    container.variables = {"PATH": "/usr/bin:/bin"}
    await container.start(launch(command), python=sys.executable if named else "")
    report = await end.running()
    line = container.processes()[report.pid]
    assert line.split("\0")[0] == (sys.executable if named else "python3")


async def test_a_container_ends_with_the_only_process_of_its_kernel(
    container: Container, end: End
) -> None:
    await container.start(launch(silent_kernel("sys.exit(7)"), once=True))
    assert await container.wait() == 7
    assert container.processes() == {}


async def test_a_container_whose_only_process_cannot_start_ends(
    container: Container, end: End
) -> None:
    await container.start(launch(("/no/such/program", "{connection_file}"), once=True))
    assert await container.wait() == 143
    assert container.says("No such file or directory")


async def test_a_container_with_one_process_is_ended_from_outside(
    container: Container, end: End
) -> None:
    await container.start(launch(silent_kernel(), once=True))
    await end.running()
    await end.order(start=2)  # a restart is not its end
    await end.running(2)
    container.signal(signal.SIGTERM)
    assert await container.wait() == 143
