"""The command as users run it: a process of its own."""

from __future__ import annotations

import getpass
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from appmaster.shell.server.serving import ID, PAIR
from client.living import Living
from e2e.walk import without_notices
from skein.application_client import ApplicationClient
from skein.security import Security

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from yarnhub.cluster.hadoop import HadoopCluster

DEADLINE = 60.0
PROJECT = Path(__file__).parents[2]


@dataclass
class Skein:
    """Runs `skein` in an environment, and remembers what it submitted."""

    env: dict[str, str]
    folder: Path
    submitted: list[str] = field(default_factory=list)

    @property
    def user(self) -> str:
        return getpass.getuser()

    def start(self, *arguments: str, **options: object) -> subprocess.Popen[bytes]:
        pipes: dict[str, object] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        command = [sys.executable, "-m", "skein", *arguments]
        return subprocess.Popen(command, env=self.env, **{**pipes, **options})  # type: ignore[call-overload,no-any-return]  # the options are the caller's

    def __call__(self, *arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        command = [sys.executable, "-m", "skein", *arguments]
        return subprocess.run(
            command, env=self.env, input=stdin, capture_output=True, check=False, timeout=DEADLINE
        )

    def out(self, *arguments: str, stdin: bytes = b"") -> str:
        """What a command that succeeds in silence prints."""
        done = self(*arguments, stdin=stdin)
        assert (done.returncode, without_notices(done.stderr)) == (0, b"")
        return done.stdout.decode()

    def error(self, *arguments: str) -> str:
        """What a command that fails says; it prints nothing."""
        done = self(*arguments)
        assert (done.returncode, done.stdout) == (1, b"")
        return without_notices(done.stderr).decode()

    def write(self, text: str, name: str = "app.yaml") -> str:
        path = self.folder / name
        path.write_text(text)
        return str(path)

    def submit(self, text: str) -> str:
        """Submit a specification; it is killed at the test's end."""
        printed = self.out("application", "submit", self.write(text))
        app_id = printed.removesuffix("\n")
        assert app_id.startswith("application_")
        assert "\n" not in app_id
        self.submitted.append(app_id)
        return app_id

    def status(self, app_id: str) -> list[str]:
        """The cells of the one row of `application status`."""
        heading, row = self.out("application", "status", app_id).splitlines()
        assert heading.split() == [
            "APPLICATION_ID",
            "NAME",
            "STATE",
            "STATUS",
            "CONTAINERS",
            "VCORES",
            "MEMORY",
            "RUNTIME",
        ]
        return row.split("    ")

    def state(self, app_id: str) -> str:
        return [cell.strip() for cell in self.status(app_id) if cell][2]


def until(condition: Callable[[], bool], deadline: float = DEADLINE) -> None:
    """Ask until it is so."""
    end = time.monotonic() + deadline
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"


@pytest.fixture(scope="session")
def eventually() -> Callable[[Callable[[], bool]], None]:
    return until


@pytest.fixture(scope="session")
def command_lines() -> Callable[[], bytes]:
    """What the arguments of all processes of the machine show."""

    def read(path: Path) -> bytes:
        try:
            return path.read_bytes()
        except OSError:  # it has ended meanwhile
            return b""

    return lambda: b"".join(map(read, Path("/proc").glob("[0-9]*/cmdline")))


@pytest.fixture
def alone(tmp_path: Path) -> Skein:
    """The command on a machine where nobody answers."""
    folder = tmp_path / "conf"
    folder.mkdir()
    (folder / "core-site.xml").write_text(
        "<configuration><property><name>fs.defaultFS</name><value>file:///</value></property>"
        "</configuration>"
    )
    (folder / "yarn-site.xml").write_text(
        "<configuration><property><name>yarn.resourcemanager.address</name>"
        "<value>localhost:1</value></property></configuration>"
    )
    return Skein(_environment(tmp_path, folder), tmp_path)


@pytest.fixture
def skein(hadoop_cluster: HadoopCluster, tmp_path: Path) -> Iterator[Skein]:
    """The command on the real cluster."""
    conf = Path(hadoop_cluster.variables["HADOOP_CONF_DIR"])
    command = Skein(_environment(tmp_path, conf), tmp_path)
    yield command
    for app_id in command.submitted:
        command("application", "kill", app_id)


def _environment(folder: Path, conf: Path) -> dict[str, str]:
    # As a user's shell has it: what pytest was started with does not count.
    kept = {name: os.environ[name] for name in ("PATH", "HOME")}  # noqa: TID251  # for subprocesses
    return {**kept, "HADOOP_CONF_DIR": str(conf), "SKEIN_CONFIG": str(folder / "skein")}


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python environment with this project, the notebook server and what comes with it."""
    uv = shutil.which("uv", path=Path(sys.executable).parent) or shutil.which("uv")
    assert uv is not None, "uv comes with the project's development dependencies"
    folder = tmp_path_factory.mktemp("environment") / "venv"
    python = folder / "bin" / "python"
    wanted = ("notebook>=7", f"{PROJECT}[kerberos,tornado]")
    commands: list[list[str | Path]] = [
        [uv, "venv", "--quiet", "--python", sys.executable, folder],
        [uv, "pip", "install", "--quiet", "--python", python, *wanted],
    ]
    for command in commands:
        subprocess.run(command, check=True, timeout=300)
    return folder


# --- an application in this process


@pytest.fixture
def living() -> Iterator[Living]:
    living = Living()
    living.start()
    assert living.ready.wait(30)
    yield living
    living.end()


@pytest.fixture
def app(living: Living) -> Iterator[ApplicationClient]:
    security = Security(cert_bytes=PAIR.certificate, key_bytes=PAIR.key)
    with ApplicationClient(f"127.0.0.1:{living.port}", ID, security) as client:
        yield client
