"""The container-executor, called as the NodeManager calls it."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from yarnhub.cluster.security import container_executor
from yarnhub.cluster.security.container_executor import (
    INVALID_ARGUMENTS,
    INVALID_CONTAINER_PID,
    INVALID_USER,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

APPLICATION = "application_1_0001"
CONTAINER = "container_1_0001_01_000001"


def user() -> str:
    """Root's containers run as somebody else; another user's as that user."""
    return "nobody" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name


@pytest.fixture
def node() -> Iterator[Path]:
    """A NodeManager's folders, where everybody may enter: pytest's own keep others out."""
    folder = Path(tempfile.mkdtemp(prefix="node-"))
    folder.chmod(0o755)
    for name in ("local/usercache", "logs", "private"):
        (folder / name).mkdir(parents=True)
    (folder / "private" / "tokens").write_bytes(b"secret")
    yield folder
    shutil.rmtree(folder)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, container_executor.__file__, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


def launch(
    node: Path, script: str, scheme: Sequence[str] = ("--http",)
) -> tuple[subprocess.CompletedProcess[str], Path]:
    (node / "private" / "script.sh").write_text(script)
    application = node / "local" / "usercache" / user() / "appcache" / APPLICATION
    work = application / CONTAINER
    answer = run(
        user(),
        user(),
        "1",
        APPLICATION,
        CONTAINER,
        str(work),
        str(node / "private" / "script.sh"),
        str(node / "private" / "tokens"),
        *scheme,
        str(node / "private" / "container.pid"),
        str(node / "local"),
        str(node / "logs"),
        "cgroups=none",
    )
    return answer, work


def test_setup_is_fine() -> None:
    assert run("--checksetup").returncode == 0


@pytest.mark.parametrize("scheme", [("--http",), ()], ids=["Hadoop 3.3", "Hadoop 3.2"])
def test_a_container_runs_as_the_user_in_its_folder(node: Path, scheme: tuple[str, ...]) -> None:
    answer, work = launch(node, 'id -un; pwd; cat container_tokens; echo " $$"', scheme)
    assert answer.returncode == 0, answer.stderr
    name, folder, rest = answer.stdout.splitlines()
    token, pid = rest.split()
    assert (name, folder, token) == (user(), str(work), "secret")
    assert (node / "private" / "container.pid").read_text().strip() == pid
    assert (node / "private" / "container.pid.exitcode").read_text().strip() == "0"


def test_others_cannot_read_the_tokens(node: Path) -> None:
    _, work = launch(node, "true")
    tokens = work / "container_tokens"
    assert tokens.stat().st_mode & 0o777 == 0o600
    assert tokens.owner() == user()
    assert (node / "logs" / APPLICATION / CONTAINER).owner() == user()


@pytest.mark.parametrize(("script", "code"), [("exit 3", 3), ("kill -9 $$", 137)])
def test_the_exit_code_is_kept(node: Path, script: str, code: int) -> None:
    answer, _ = launch(node, script)
    assert answer.returncode == code
    assert (node / "private" / "container.pid.exitcode").read_text().strip() == str(code)


def test_localizing_becomes_the_localizer(node: Path) -> None:
    answer = run(
        user(),
        user(),
        "0",
        APPLICATION,
        CONTAINER,
        str(node / "private" / "tokens"),
        str(node / "local"),
        str(node / "logs"),
        "/bin/sh",
        "-c",
        "id -un; ls",
    )
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.split() == [user(), "tokens"]


def test_a_signal_reaches_the_whole_container(node: Path) -> None:
    own = ["setpriv", f"--reuid={user()}", "--clear-groups"] if os.getuid() == 0 else []
    with subprocess.Popen(
        [*own, "/bin/sh", "-c", "sleep 600 & echo; wait"],
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        pid = str(process.pid)
        assert run(user(), user(), "2", pid, "0").returncode == 0
        assert run(user(), user(), "2", pid, str(int(signal.SIGKILL))).returncode == 0
        assert process.stdout.read() == b""  # nobody is left who could write


def test_a_signal_to_a_container_that_has_ended_says_so() -> None:
    with subprocess.Popen(["true"], start_new_session=True) as process:
        process.wait()
    assert run(user(), user(), "2", str(process.pid), "0").returncode == INVALID_CONTAINER_PID


def test_folders_are_listed_and_deleted_as_the_user(node: Path) -> None:
    _, work = launch(node, "touch b a")
    assert run(user(), user(), "5", str(work)).stdout.split() == [
        "a",
        "b",
        "container_tokens",
        "launch_container.sh",
    ]
    assert run(user(), user(), "3", "a", str(work)).returncode == 0
    assert not (work / "a").exists()
    assert run(user(), user(), "3", str(work)).returncode == 0
    assert not work.exists()
    assert run(user(), user(), "3", str(work)).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("root", "root", "2", "1", "0"), INVALID_USER),
        (("daemon", "daemon", "3", "/tmp"), INVALID_USER),
        ((), INVALID_ARGUMENTS),
        (("nobody", "nobody", "9"), INVALID_ARGUMENTS),
    ],
)
def test_what_it_must_not_do_is_refused(arguments: tuple[str, ...], code: int) -> None:
    answer = run(*arguments)
    assert answer.returncode == code
    assert answer.stderr.startswith("container-executor: ")
