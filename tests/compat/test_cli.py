"""The command `skein`: every command, what it prints where, and its exit status."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import skein

if TYPE_CHECKING:
    from collections.abc import Callable

    from compat.conftest import Done, World

    Run = Callable[..., Done]

GROUPS = {
    "application": "submit status ls logs specification mv kill shutdown",
    "container": "scale kill ls",
    "kv": "get put del ls",
    "driver": "start stop restart address pid",
    "config": "gencerts",
}
COMMANDS = [[], *([group] for group in GROUPS)]
COMMANDS += [[group, name] for group, names in GROUPS.items() for name in names.split()]
HEADING = ["APPLICATION_ID", "NAME", "STATE", "STATUS", "CONTAINERS", "VCORES", "MEMORY", "RUNTIME"]
SPEC = """\
name: from_cli
tags: [sleeps]
services: {sleeper: {script: sleep infinity, resources: {memory: 64, vcores: 1}}}
master: {script: sleep infinity}
"""


def failed(done: Done) -> str:
    """What a command says that fails in one line."""
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("Error: ")
    return done.err


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help(skein_cli: Run, command: list[str]) -> None:
    for option in "-h", "--help":
        done = skein_cli(*command, option)
        assert (done.code, done.err) == (0, "")
        assert done.out.startswith(f"usage: {' '.join(['skein', *command])}")


@pytest.mark.parametrize("command", COMMANDS[: len(GROUPS) + 1], ids=" ".join)
def test_a_group_alone_is_no_command(skein_cli: Run, command: list[str]) -> None:
    done = skein_cli(*command)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("usage: skein")


def test_the_version(skein_cli: Run) -> None:
    assert skein_cli("--version").out == f"skein {skein.__version__}\n"


@pytest.mark.parametrize("program", [["-m", "skein"], [str(Path(sys.executable).parent / "skein")]])
def test_the_programs(program: list[str]) -> None:
    command = [*([sys.executable] if program[0] == "-m" else []), *program, "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == f"skein {skein.__version__}\n"


def test_gencerts(skein_cli: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKEIN_CONFIG", str(tmp_path))
    done = skein_cli("config", "gencerts")
    assert (done.code, done.out, done.err) == (0, "", "")
    first = skein.Security.from_directory(str(tmp_path))._get_bytes("key")
    assert "already exists" in failed(skein_cli("config", "gencerts"))
    assert skein.Security.from_directory(str(tmp_path))._get_bytes("key") == first
    for option in "-f", "--force":
        done = skein_cli("config", "gencerts", option)
        assert (done.code, done.out, done.err) == (0, "", "")
    assert skein.Security.from_directory(str(tmp_path))._get_bytes("key") != first


def test_the_driver_is_gone(skein_cli: Run) -> None:
    for arguments in (
        ["start", "--keytab", "k", "--principal", "p", "--log", "l", "--log-level", "info"],
        ["restart", "--java-option", "a", "--java-option", "b"],
    ):
        done = skein_cli("driver", *arguments)
        assert (done.code, done.out) == (0, "")
        assert "Skein no longer needs a driver" in done.err
    for arguments in ["stop"], ["stop", "-f"], ["stop", "--force"]:
        done = skein_cli("driver", *arguments)
        assert (done.code, done.out, done.err) == (0, "", "")
    for name in "address", "pid":
        assert "No skein driver is running" in failed(skein_cli("driver", name))


def test_what_cannot_be_submitted(skein_cli: Run, tmp_path: Path) -> None:
    path = str(tmp_path / "spec.yaml")
    said = failed(skein_cli("application", "submit", path))
    assert said == f"Error: No application specification file at {path!r}\n"
    (tmp_path / "spec.yaml").write_text(SPEC.replace("sleep infinity", "''", 1))
    assert failed(skein_cli("application", "submit", path)).startswith(
        f"Error: In file {path!r}, services.sleeper"
    )


def test_outside_of_a_container_current_is_nothing(skein_cli: Run) -> None:
    for arguments in ["kv", "ls"], ["container", "ls"], ["application", "specification"]:
        assert "container" in failed(skein_cli(*arguments, "current"))


# --- on the cluster


def ok(done: Done) -> str:
    """What a command prints that succeeds."""
    assert (done.code, done.err) == (0, "")
    return done.out


def test_an_application(
    skein_cli: Run, client: skein.Client, world: World, eventually: Callable[[Any], None]
) -> None:
    path = world.folder / "spec.yaml"
    path.write_text(SPEC)
    app_id = ok(skein_cli("application", "submit", str(path))).removesuffix("\n")
    assert re.fullmatch(r"application_\d+_\d{4,}", app_id)
    client.connect(app_id).close()
    heading, row = ok(skein_cli("application", "status", app_id)).splitlines()
    assert heading.split() == HEADING
    assert row.split()[:4] == [app_id, "from_cli", "RUNNING", "UNDEFINED"]
    assert re.search(r"    \d+s$", row)
    for arguments in (
        [],
        ["-a"],
        ["--all", "--name", "from_cli"],
        ["-s", "running", "--state", "FAILED"],
        ["--queue", "default", "--user", world.user],
        ["--started-begin", "00:00"],
        ["--started-begin", "2018-01-01 10:00", "--started-end", "2118-01-01"],
    ):
        assert app_id in ok(skein_cli("application", "ls", *arguments)), arguments
    for arguments in ["-s", "killed"], ["--finished-begin", "2018-1-1"], ["--finished-end", "0:00"]:
        assert app_id not in ok(skein_cli("application", "ls", *arguments))
    spec = skein.ApplicationSpec.from_yaml(ok(skein_cli("application", "specification", app_id)))
    assert spec.tags == {"sleeps"}
    assert ok(skein_cli("application", "mv", app_id, "apples")) == ""
    assert client.application_report(app_id).queue == "apples"
    assert failed(skein_cli("application", "mv", app_id, "nosuch"))
    assert (
        ok(
            skein_cli(
                "application", "shutdown", app_id, "--status", "failed", "--diagnostics", "no"
            )
        )
        == ""
    )
    report = client.application_report(app_id)
    assert (report.state, report.final_status, report.diagnostics) == ("FINISHED", "FAILED", "no")
    assert app_id in ok(skein_cli("application", "ls", "--all"))
    logs = ok(skein_cli("application", "logs", app_id, "--user", world.user))
    assert logs.startswith(f"** Logs for {app_id} **\n")
    assert re.search(r"\ncontainer_(e\d+_)?\d+_\d+_01_000001.*\n=+\n", logs)
    assert failed(skein_cli("kv", "ls", app_id))
    assert failed(skein_cli("application", "status", "application_1_0001"))


def test_keys(
    skein_cli: Run,
    app: skein.ApplicationClient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app.kv.clear()
    assert ok(skein_cli("kv", "ls", app.id)) == ""
    assert ok(skein_cli("kv", "put", app.id, "--key", "foo", "--value", "bar")) == ""
    binary = b"H\x9e[\x0e\xa6~\x7fVb\xea"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(binary)))
    assert ok(skein_cli("kv", "put", app.id, "--key", "binary")) == ""
    assert app.kv["binary"] == binary
    assert ok(skein_cli("kv", "ls", app.id)) == "binary\nfoo\n"
    assert ok(skein_cli("kv", "get", app.id, "--key", "foo")) == "bar\n"
    assert ok(skein_cli("kv", "get", app.id, "--key", "foo", "--wait")) == "bar\n"
    assert ok(skein_cli("kv", "del", app.id, "--key", "foo")) == ""
    for name in "get", "del":
        said = failed(skein_cli("kv", name, app.id, "--key", "foo"))
        assert said == "Error: Key 'foo' is not set\n"
    done = skein_cli("kv", "get", app.id)
    assert (done.code, done.out) == (2, "")
    app.kv.clear()


def test_containers(
    skein_cli: Run, app: skein.ApplicationClient, eventually: Callable[[Any], None]
) -> None:
    scale = ["container", "scale", app.id]
    assert ok(skein_cli(*scale, "--service", "sleeper", "--number", "3")) == ""
    eventually(lambda: len(app.get_containers(["sleeper"], ["RUNNING"])) == 3)
    heading, *rows = ok(skein_cli("container", "ls", app.id)).splitlines()
    assert heading.split() == ["SERVICE", "ID", "STATE", "RUNTIME"]
    assert [row.split()[:3] for row in rows] == [
        [each.service_name, each.id, "RUNNING"] for each in app.get_containers()
    ]
    first = app.get_containers(["sleeper"])[0].id
    assert ok(skein_cli("container", "kill", app.id, "--id", first)) == ""
    assert first not in ok(skein_cli("container", "ls", app.id))
    for arguments in (
        ["-a"],
        ["--all", "--service", "sleeper"],
        ["--state", "killed", "--state", "RUNNING", "--service", "sleeper", "--service", "idle"],
    ):
        assert first in ok(skein_cli("container", "ls", app.id, *arguments))
    assert first not in ok(skein_cli("container", "ls", app.id, "-a", "--service", "idle"))
    assert "foobar" in failed(skein_cli("container", "kill", app.id, "--id", "foobar_0"))
    assert "nosuch" in failed(skein_cli(*scale, "-s", "nosuch", "-n", "1"))
    assert ok(skein_cli(*scale, "-s", "sleeper", "-n", "1")) == ""


def test_killing(skein_cli: Run, client: skein.Client, run: Callable[[Any], str]) -> None:
    app_id = run(skein.ApplicationSpec(master=skein.Master(script="sleep infinity")))
    assert ok(skein_cli("application", "kill", app_id)) == ""
    assert client.application_report(app_id).state == "KILLED"
    assert failed(skein_cli("application", "kill", "application_1_0001"))
