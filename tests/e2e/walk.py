"""The documents' command lines, as a user types them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from yarnhub.cluster import HadoopCluster

PROJECT = Path(__file__).resolve().parent.parent.parent
SKEIN = Path(sys.executable).parent / "skein"


@dataclass(frozen=True)
class User:
    """Somebody at a terminal: a working folder and an environment."""

    folder: Path
    env: Mapping[str, str]

    def run(
        self, *command: str | Path, deadline: float = 120, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run a command; with `check` it must succeed."""
        done = subprocess.run(
            [str(word) for word in command],
            cwd=self.folder,
            env=dict(self.env),
            capture_output=True,
            text=True,
            timeout=deadline,
            check=False,
        )
        assert done.returncode == 0 or not check, f"{command}: {done.stdout}{done.stderr}"
        return done

    def skein(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run `skein` with these words."""
        return self.run(SKEIN, *words, check=check)

    def run_cell(self, code: str) -> str:
        """Run a cell on the server of notebook.json; returns what it printed."""
        python = self.folder / "environment" / "bin" / "python"
        cell = PROJECT / "examples" / "run_cell.py"
        return self.run(python, cell, "notebook.json", code).stdout

    def start_notebook(self) -> tuple[str, dict[str, str]]:
        """Submit the demo's specification and wait for its notebook."""
        application = self.skein("application", "submit", "jupyter-demo.yaml").stdout.strip()
        info = self.skein("kv", "get", application, "--key", "jupyter.notebook.info", "--wait")
        (self.folder / "notebook.json").write_text(info.stdout)
        return application, json.loads(info.stdout)


async def log_in(cluster: HadoopCluster, name: str, folder: Path) -> User:
    """Somebody with a ticket, on a cluster with Kerberos."""
    folder.mkdir(exist_ok=True)
    cache = folder / "ticket"
    await cluster.kinit(name, cache)
    env = {**cluster.env, "KRB5CCNAME": f"FILE:{cache}", "SKEIN_CONFIG": str(folder / ".skein")}
    return User(folder, env)


def eventually(condition: Callable[[], object], what: str, deadline: float = 60) -> None:
    """Look until something is so; fails after `deadline` seconds."""
    until = time.monotonic() + deadline
    while not condition():
        assert time.monotonic() < until, f"not within {deadline:g} s: {what}"
        time.sleep(0.05)


def without_notices(errors: bytes) -> bytes:
    """What `skein` writes to standard error, but for what it tells who has waited for seconds."""
    return re.sub(rb"^application_\S+ is .*\n", b"", errors, flags=re.MULTILINE)


def processes() -> dict[int, tuple[str, str, str]]:
    """All processes: number to OS user, command line and environment."""
    import pwd

    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                owner = pwd.getpwuid(entry.stat().st_uid).pw_name
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ")
                variables = (entry / "environ").read_bytes().replace(b"\0", b"\n")
            except (OSError, KeyError):
                continue
            text = command.decode(errors="replace").strip()
            found[int(entry.name)] = (owner, text, variables.decode(errors="replace"))
    return found


def of_application(application: str) -> dict[int, tuple[str, str, str]]:
    """The processes in an application's containers."""
    # After a restart of the ResourceManager an epoch stands in front of the number.
    suffix = application.removeprefix("application_")
    mark = re.compile(rf"^CONTAINER_ID=container_(e\d+_)?{suffix}_", re.MULTILINE)
    return {
        number: each
        for number, each in processes().items()
        if number != os.getpid() and mark.search(each[2])
    }


def masters(application: str) -> list[int]:
    """The process ids of an application's ApplicationMasters."""
    first = re.compile(r"^CONTAINER_ID=\w+_000001$", re.MULTILINE)  # of each attempt
    return [
        number
        for number, (_, command, variables) in of_application(application).items()
        if " -IS " in command and first.search(variables)
    ]


def kill_master(application: str) -> None:
    (master,) = masters(application)
    os.kill(master, signal.SIGKILL)
    eventually(lambda: masters(application) not in ([], [master]), "the next attempt", deadline=60)
