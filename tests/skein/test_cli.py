"""The command without a cluster."""

from __future__ import annotations

import os
import re
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from skein import __version__
from skein.blocking import skeins_errors
from skein.cli import main
from skein.cli.progress_bar import format_progress
from skein.cli.waiting import Notices, describe
from skein.exceptions import SkeinError
from yarnhub.client.access.credentials import Credentials
from yarnhub.yarn.records.applications import ApplicationReport, YarnApplicationState
from yarnhub.yarn.records.ids import ApplicationId

if TYPE_CHECKING:
    from typing import Any

COMMANDS = [
    "application submit",
    "application ls",
    "application status",
    "application wait",
    "application logs",
    "application explain",
    "application mv",
    "application kill",
    "application shutdown",
    "application specification",
    "container ls",
    "container add",
    "container kill",
    "container scale",
    "kv get",
    "kv put",
    "kv del",
    "kv ls",
    "node ls",
    "queue ls",
    "driver start",
    "driver stop",
    "driver restart",
    "driver address",
    "driver pid",
    "config gencerts",
]

SPEC = """\
name: demo
services:
  jupyter:
    resources: {memory: 1024, vcores: 1}
    commands: [sleep 100]
"""


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*command.split(), "-h"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: skein {command}".rstrip())


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["application"],
        ["nosuch"],
        ["application", "status"],
        ["kv", "get", "application_1_1"],
        ["container", "scale", "application_1_1", "-s", "x", "-n", "many"],
        ["application", "shutdown", "application_1_1", "--status", "LOST"],
        ["application", "ls", "--state", "LOST"],
        ["application", "ls", "--output", "xml"],
        ["application", "wait", "application_1_1", "--timeout", "long"],
        ["node", "ls", "--state", "FINISHED"],
    ],
)
def test_wrong_usage_is_exit_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("usage: skein")


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"skein {__version__}\n"


CYCLE = """\
    depends: [b]
  b:
    resources: {memory: 1, vcores: 1}
    script: 'true'
    depends: [jupyter]
"""

BAD = {
    "key": (
        SPEC.replace("memory:", "memroy:"),
        r"services\.jupyter\.resources: unknown key 'memroy'; did you mean 'memory'",
    ),
    "memory": (
        SPEC.replace("1024", "lots"),
        r"services\.jupyter\.resources\.memory: 'lots' is not a quantity of memory: write a number",
    ),
    "type": (
        SPEC.replace("vcores: 1", "vcores: one"),
        r"services\.jupyter\.resources\.vcores: must be a whole number, not 'one'",
    ),
    "file": (
        SPEC + "    files: {env: nosuch.tar.gz}\n",
        r"services\.jupyter\.files\.env\.source: file '.*/nosuch.tar.gz' does not exist",
    ),
    "itself": (
        SPEC + "    depends: [jupyter]\n",
        r"services\.jupyter\.depends: a service cannot depend on itself",
    ),
    "cycle": (SPEC + CYCLE, "b -> jupyter -> b"),
    "yaml": ("services: [", ": line 2, column 1: "),
    "nothing": ("name: x\n", ": needs at least one entry in `services`"),
}


@pytest.mark.parametrize(("spec", "said"), BAD.values(), ids=BAD)
def test_a_bad_specification_is_one_line_that_says_where(alone: Any, spec: str, said: str) -> None:
    # Nobody answers here: a submission would say so.
    path = alone.write(spec)
    error = alone.error("application", "submit", path)
    assert re.match(re.escape(f"Error: In file '{path}'") + "(, |: )", error)
    assert re.search(said, error), error
    assert error.count("\n") == 1


def test_a_specification_that_is_not_there(alone: Any) -> None:
    error = alone.error("application", "submit", "/nosuch.yaml")
    assert error == "Error: No application specification file at '/nosuch.yaml'\n"


def test_where_nobody_answers_it_says_so_within_seconds(alone: Any) -> None:
    commands = (
        "application ls",
        "application status application_1_1",
        "kv get application_1_1 --key x",
    )
    processes = [alone.start(*command.split()) for command in commands]
    ends = [(*process.communicate(timeout=60), process.returncode) for process in processes]
    assert ends == [(b"", b"Error: cannot connect to localhost:1: Connection refused\n", 1)] * 3


def test_without_a_hadoop_configuration_it_says_what_to_set(alone: Any) -> None:
    del alone.env["HADOOP_CONF_DIR"]
    assert "HADOOP_CONF_DIR" in alone.error("application", "ls")


def test_a_keytab_that_is_not_there(alone: Any) -> None:
    arguments = "--keytab", "/nosuch.keytab", "--principal", "alice@TEST"
    said = alone.error("token", "keep", "application_1_1", *arguments)
    assert said == "Error: keytab doesn't exist at '/nosuch.keytab'\n"


def test_what_is_no_application_id(alone: Any) -> None:
    error = alone.error("application", "status", "application_x_y")
    assert error.startswith("Error: Invalid application id 'application_x_y': one looks like")


def test_current_outside_of_a_container(alone: Any) -> None:
    assert "this is not a container" in alone.error("kv", "ls", "current")


def test_credentials_are_made_once_and_only_for_the_user(alone: Any) -> None:
    folder = alone.folder / "skein"
    assert alone.out("config", "gencerts") == ""
    first = (folder / "skein.pem").read_bytes()
    assert stat.S_IMODE((folder / "skein.pem").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert "already exists" in alone.error("config", "gencerts")
    assert (folder / "skein.pem").read_bytes() == first
    assert alone.out("config", "gencerts", "--force") == ""
    assert (folder / "skein.pem").read_bytes() != first


def test_half_a_pair_of_credentials_is_an_error_with_the_command_that_helps(alone: Any) -> None:
    alone.out("config", "gencerts")
    (alone.folder / "skein" / "skein.crt").unlink()
    error = alone.error("config", "gencerts")
    assert "skein.crt" in error
    assert error.endswith("; `skein config gencerts --force` creates new ones\n")
    with pytest.raises(SkeinError, match=r"force=True.* makes new ones"), skeins_errors():
        Credentials.read(alone.folder / "skein")


@pytest.mark.parametrize("command", ["start", "restart", "stop"])
def test_a_driver_is_not_needed_and_scripts_that_start_one_go_on(alone: Any, command: str) -> None:
    done = alone("driver", command)
    assert (done.returncode, done.stdout) == (0, b"")
    said = b"" if command == "stop" else b"Skein no longer needs a driver"
    assert done.stderr.startswith(said)
    assert bool(done.stderr) is bool(said)


@pytest.mark.parametrize("command", ["address", "pid"])
def test_a_driver_has_no_address(alone: Any, command: str) -> None:
    assert alone.error("driver", command).startswith("Error: No skein driver is running.")


@pytest.mark.parametrize("arguments", [["--version"], ["kv", "get", "--help"]])
def test_it_starts_without_the_engine(alone: Any, arguments: list[str]) -> None:
    loaded = _imports(alone.env, arguments)
    assert not loaded & {"asyncio", "ssl", "yarnhub.client.client", "httpx", "yaml"}


def test_a_command_for_the_cluster_starts_without_what_it_does_not_need(alone: Any) -> None:
    loaded = _imports(alone.env, ["application", "ls"])
    assert "yarnhub.client.client" in loaded
    assert not loaded & {"httpx", "hdfs_native", "cryptography", "yaml", "anyio", "rich"}


def _imports(env: dict[str, str], arguments: list[str]) -> set[str]:
    command = [sys.executable, "-X", "importtime", "-m", "skein", *arguments]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    return {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}


def test_a_reader_that_goes_away_is_no_error(alone: Any) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    process = alone.start("application", "-h", stdout=writing)
    os.close(writing)
    _, stderr = process.communicate(timeout=30)
    assert stderr == b""


def test_ctrl_c_is_quiet(alone: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(30)
        site = alone.folder / "conf" / "yarn-site.xml"
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        site.write_text(site.read_text().replace("localhost:1", address))
        process = alone.start("application", "status", "application_1_1")
        connection, _ = silent.accept()
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=30)
        connection.close()
    assert (process.returncode, stderr) == (130, b"")


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_waiting_is_told_after_a_while_and_once_per_change() -> None:
    clock = Clock()
    said: list[str] = []
    notices = Notices(clock, said.append)
    notices.waiting("a")
    assert said == []
    clock.now = 5.0
    for reason in ("a", "a", "b", "b", "a"):
        notices.waiting(reason)
    assert said == ["a", "b", "a"]


def test_what_an_application_waits_for_is_told_without_the_time() -> None:
    report = ApplicationReport(
        application_id=ApplicationId(id=1, cluster_timestamp=2),
        yarn_application_state=YarnApplicationState.ACCEPTED,
        queue="root.default",
        diagnostics="[Sat Nov 21 07:29:38 +0000 2026] Application is added to the scheduler and is "
        "not yet activated.\n Queue's AM resource limit exceeded. ",
    )
    assert describe(report) == (
        "application_2_0001 is ACCEPTED in queue root.default: Application is added to the "
        "scheduler and is not yet activated. Queue's AM resource limit exceeded."
    )


def test_progress_is_one_line() -> None:
    half = format_progress("environment.tar.gz", 50_000_000, 100_000_000, 80)
    assert half == "environment.tar.gz [###############               ]  50% of 100.0 MB"
    assert "100%" in format_progress("empty", 0, 0, 80)
    assert len(format_progress("x" * 200, 1, 2, 80)) < 80


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("skein app", ["application"]),
        ("skein application ex", ["explain"]),
        ("skein application logs --f", ["--follow", "--file"]),
        ("skein application ls --state r", []),
        ("skein application ls --state R", ["RUNNING"]),
        ("skein completion z", ["zsh"]),
    ],
)
def test_bash_completes_words(line: str, words: list[str]) -> None:
    script = (
        'PATH="$1:$PATH"; source <(skein completion bash); compopt() { :; }\n'
        'COMP_LINE=$2 COMP_POINT=${#2} COMP_TYPE=9; _python_argcomplete skein "" ""\n'
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    command = ["bash", "-c", script, "bash", str(Path(sys.executable).parent), line]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout.split() == words


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_get_a_script_of_their_own(shell: str, capsys: Any) -> None:
    with pytest.raises(SystemExit, match=r"^0$"):
        main(["completion", shell])
    mark = {"zsh": "compdef", "fish": "complete --command skein"}[shell]
    assert mark in capsys.readouterr().out


@pytest.mark.parametrize("text", ["A", "=b", ""])
def test_a_variable_of_a_container_that_is_none(text: str, capsys: Any) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["container", "add", "application_1_1", "-s", "a", "--env", text])
    assert "argument --env: invalid" in capsys.readouterr().err
