"""The command on the real cluster."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from yarnhub.client.access.settings import Settings
from yarnhub.client.files.staging import staging_folder
from yarnhub.filesystem.open import open_file_system
from yarnhub.yarn.records.ids import ApplicationId

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.cluster

SLEEP = """\
name: sleeper
services:
  worker:
    resources: {memory: 64, vcores: 1}
    commands: [sleep 600]
"""

ROOM_FOR_PYTHON = {"memory": 256, "vcores": 1}

IN_CONTAINER = f"""\
name: inside
services:
  worker:
    resources: {{memory: 256, vcores: 1}}
    env: {{HADOOP_CONF_DIR: /nosuch, HOME: /nosuch}}
    commands:
      - echo $$ | {sys.executable} -m skein kv put current --key pid
      - {sys.executable} -m skein kv get current --key go --wait
      - {sys.executable} -m skein application shutdown current --diagnostics 'as it was told'
      - sleep 600
"""


def service(commands: list[str], **fields: object) -> str:
    """A specification with one small service."""
    worker = {"resources": {"memory": 64, "vcores": 1}, "commands": commands, **fields}
    return json.dumps({"name": "tested", "services": {"worker": worker}})


def test_an_application_from_submission_to_shutdown(
    skein: Any, eventually: Callable[[Callable[[], bool]], None]
) -> None:
    app_id = skein.submit(SLEEP)
    assert skein.out("kv", "put", app_id, "--key", "a", "--value", "grüße") == ""
    assert skein.out("kv", "put", app_id, "--key", "b", stdin=b"from\nstdin") == ""
    assert skein.out("kv", "ls", app_id) == "a\nb\n"
    assert skein.out("kv", "get", app_id, "--key", "a", "--wait") == "grüße\n"
    assert skein.out("kv", "get", app_id, "--key", "b") == "from\nstdin\n"
    assert skein.out("kv", "del", app_id, "--key", "b") == ""
    assert skein.error("kv", "del", app_id, "--key", "b") == "Error: Key 'b' is not set\n"
    assert skein.error("kv", "get", app_id, "--key", "b") == "Error: Key 'b' is not set\n"

    assert skein.out("container", "scale", app_id, "-s", "worker", "-n", "2") == ""
    assert skein.out("container", "kill", app_id, "--id", "worker_0") == ""
    rows = [line.split() for line in skein.out("container", "ls", app_id, "--all").splitlines()]
    assert rows[0] == ["SERVICE", "ID", "STATE", "RUNTIME"]
    assert [row[1] for row in rows[1:]] == ["worker_0", "worker_1"]
    assert rows[1][2] == "KILLED"
    assert "worker_0" not in skein.out("container", "ls", app_id)
    assert "worker_0" in skein.out("container", "ls", app_id, "--state", "killed")
    assert "no container instance 9" in skein.error("container", "kill", app_id, "--id", "worker_9")
    assert "Unknown service 'x'" in skein.error("container", "ls", app_id, "--service", "x")

    (shown,) = json.loads(skein.out("application", "status", app_id, "--output", "json"))
    assert (shown["id"], shown["state"], shown["queue"]) == (app_id, "RUNNING", "default")
    listed = json.loads(skein.out("application", "ls", "--output", "json"))
    assert app_id in [each["id"] for each in listed]
    (one,) = json.loads(skein.out("container", "ls", app_id, "--output", "json"))
    assert one["id"] == "worker_1"
    assert json.loads(skein.out("kv", "ls", app_id, "--output", "json")) == ["a"]
    assert "it continues to run" in skein.error("application", "wait", app_id, "--timeout", "0.1")

    assert "sleep 600" in skein.out("application", "specification", app_id)
    specification = skein.out("application", "specification", app_id, "--output", "json")
    assert json.loads(specification)["services"]["worker"]["instances"] == 1
    for filters in (
        ["--queue", "default", "--name", "sleeper"],
        ["--queue", "root.default", "--started-begin", "00:00"],
        ["--state", "running", "--user", skein.user],
    ):
        assert app_id in skein.out("application", "ls", *filters)
    for filters in (["--queue", "fault"], ["--name", "x"], ["-s", "KILLED"], ["--user", "nobody"]):
        assert app_id not in skein.out("application", "ls", *filters)
    assert skein.out("application", "mv", app_id, "apples") == ""
    assert app_id in skein.out("application", "ls", "--queue", "fruit.apples")
    assert "doesn't exist" in skein.error("application", "mv", app_id, "nosuch")
    eventually(lambda: "worker_1 starts in container_" in skein.out("application", "logs", app_id))

    assert skein.out("application", "shutdown", app_id, "--diagnostics", "enough") == ""
    assert skein.out("application", "wait", app_id) == ""
    cells = [cell.strip() for cell in skein.status(app_id) if cell]
    assert cells[:7] == [app_id, "sleeper", "FINISHED", "SUCCEEDED", "0", "0", "0"]
    assert app_id not in skein.out("application", "ls")
    assert app_id in skein.out("application", "ls", "--all", "--finished-begin", "00:00")
    error = skein.error("kv", "get", app_id, "--key", "a")
    assert error.startswith(f"Error: {app_id} has ended (FINISHED, SUCCEEDED): enough\n")


def test_a_container_reaches_its_application_without_any_configuration(skein: Any) -> None:
    app_id = skein.submit(IN_CONTAINER)
    assert skein.out("kv", "get", app_id, "--key", "pid", "--wait").strip().isdecimal()
    skein.out("kv", "put", app_id, "--key", "go", "--value", "")
    error = skein.error("kv", "get", app_id, "--key", "never", "--wait")
    assert "before 'never' was set (FINISHED, SUCCEEDED): as it was told" in error


def test_whoever_waits_for_a_service_that_fails_is_told_why(skein: Any) -> None:
    app_id = skein.submit(service(["echo something went wrong", "exit 3"]))
    error = skein.error("kv", "get", app_id, "--key", "x", "--wait")
    assert error.startswith(f"Error: {app_id} has ended before 'x' was set (FINISHED, FAILED): ")
    assert "Failure in service worker: worker_0 ended. Exit code 3" in error
    assert error.endswith(f"See its logs: skein application logs {app_id}\n")

    assert skein.error("application", "wait", app_id) == error.replace(" before 'x' was set", "")
    logs = skein.out("application", "logs", app_id)
    assert logs.startswith(f"** Logs for {app_id} **\n")
    assert "\nsomething went wrong\n" in logs
    assert "application.master.log" in logs
    assert "YARNHUB_SCRIPT" not in logs


def test_a_killed_application_is_killed_when_the_command_returns(skein: Any) -> None:
    app_id = skein.submit(SLEEP)
    assert skein.out("application", "kill", app_id) == ""
    assert skein.state(app_id) == "KILLED"
    assert skein.out("application", "kill", app_id) == ""
    assert "has ended (KILLED)" in skein.error("application", "shutdown", app_id)


def test_nodes_and_queues_are_listed(skein: Any) -> None:
    heading, *rows = skein.out("node", "ls", "-s", "running").splitlines()
    assert heading.split()[:3] == ["NODE_ID", "STATE", "RACK"]
    nodes = json.loads(skein.out("node", "ls", "--state", "RUNNING", "--output", "json"))
    assert [row.split()[:2] for row in rows] == [[node["id"], "RUNNING"] for node in nodes]
    heading, *rows = skein.out("queue", "ls").splitlines()
    assert ["root.default", "RUNNING", "40%", "100%"] in [row.split()[:4] for row in rows]
    queues = json.loads(skein.out("queue", "ls", "--output", "json"))
    assert [row.split()[0].rpartition(".")[2] for row in rows] == [
        queue["name"] for queue in queues
    ]


def test_an_application_that_yarn_does_not_know(skein: Any) -> None:
    for command in ("status", "wait", "kill", "logs", "shutdown", "specification"):
        error = skein.error("application", command, "application_1_0001")
        assert "application_1_0001" in error
        assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("memory: 64", "memory: 1 TiB"), r"worker.resources.memory: 1048576 MiB are more than"),
        (("vcores: 1", "vcores: 5000"), "worker.resources.vcores: 5000 are more than"),
    ],
)
def test_what_the_cluster_never_has_is_refused_before_submission(
    skein: Any, change: tuple[str, str], said: str
) -> None:
    before = skein.out("application", "ls", "--all")
    path = skein.write(SLEEP.replace(*change))
    error = skein.error("application", "submit", path)
    assert error.startswith(f"Error: In file '{path}', services.worker.resources.")
    assert said in error
    assert "largest container" in error
    after = skein.out("application", "ls", "--all")
    assert {line.split()[0] for line in after.splitlines() if " sleeper " in line} == {
        line.split()[0] for line in before.splitlines() if " sleeper " in line
    }


def test_an_unknown_queue(skein: Any) -> None:
    error = skein.error("application", "submit", skein.write(SLEEP + "queue: nosuch\n"))
    assert "unknown queue: nosuch" in error


def test_whoever_waits_behind_a_full_queue_is_told_so(skein: Any) -> None:
    # The masters of both are more than applications' masters may take together.
    large = SLEEP + "queue: bananas\nmaster: {resources: {memory: 4000, vcores: 1}}\n"
    skein.submit(large)
    second = skein.submit(large)
    waiting = skein.start("kv", "get", second, "--key", "x", "--wait")
    line = waiting.stderr.readline().decode()
    assert line.startswith(f"{second} is ACCEPTED in queue root.fruit.bananas: ")
    assert "limit exceeded" in line
    skein.out("application", "kill", second)
    stdout, stderr = waiting.communicate(timeout=60)
    assert (waiting.returncode, stdout) == (1, b"")
    assert f"Error: {second} has ended before 'x' was set (KILLED)" in stderr.decode()


def test_ctrl_c_ends_waiting_quietly(skein: Any) -> None:
    app_id = skein.submit(SLEEP)
    assert skein.out("kv", "ls", app_id) == ""  # it runs, which is the first thing to be told
    waiting = skein.start("kv", "get", app_id, "--key", "x", "--wait")
    assert b"is running, but 'x' is not set yet; worker_0 is" in waiting.stderr.readline()
    waiting.send_signal(signal.SIGINT)
    stdout, stderr = waiting.communicate(timeout=30)
    assert (waiting.returncode, stdout, stderr) == (130, b"", b"")
    assert skein.state(app_id) == "RUNNING"


def test_an_application_outlives_its_client(skein: Any) -> None:
    program = f"import skein; print(skein.Client().submit({skein.write(SLEEP)!r}), flush=True)"
    client = subprocess.Popen(
        [sys.executable, "-c", f"{program}; input()"],
        env=skein.env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert client.stdout is not None
    app_id = client.stdout.readline().decode().strip()
    skein.submitted.append(app_id)
    client.kill()
    client.communicate(timeout=30)
    skein.out("kv", "put", app_id, "--key", "x", "--value", "y")
    assert skein.state(app_id) == "RUNNING"


def test_a_container_whose_process_is_killed_is_replaced_as_often_as_the_specification_says(
    skein: Any,
) -> None:
    put = f"echo $$ | {sys.executable} -m skein kv put current --key $SKEIN_CONTAINER_ID"
    restarted = {"max_restarts": 1, "resources": ROOM_FOR_PYTHON}
    app_id = skein.submit(service([put, "sleep 600"], **restarted))
    for container in ("worker_0", "worker_1"):
        pid = int(skein.out("kv", "get", app_id, "--key", container, "--wait"))
        os.kill(pid, signal.SIGKILL)
    error = skein.error("kv", "get", app_id, "--key", "worker_2", "--wait")
    assert "(FINISHED, FAILED): Failure in service worker: worker_1 ended. Exit code 137" in error


def test_whoever_waits_for_a_key_waits_for_the_next_attempt_too(
    skein: Any, eventually: Callable[[Callable[[], bool]], None]
) -> None:
    app_id = skein.submit(SLEEP + "max_attempts: 2\n")
    assert skein.out("kv", "ls", app_id) == ""  # as above
    waiting = skein.start("kv", "get", app_id, "--key", "late", "--wait")
    assert b"is running, but 'late' is not set yet" in waiting.stderr.readline()
    (first,) = _masters(app_id)
    os.kill(first, signal.SIGKILL)
    eventually(lambda: bool(_masters(app_id) - {first}))
    skein.out("kv", "put", app_id, "--key", "late", "--value", "found")
    stdout, _ = waiting.communicate(timeout=60)
    assert (waiting.returncode, stdout) == (0, b"found\n")


def _masters(app_id: str) -> set[int]:
    """The processes of an application's ApplicationMaster."""
    found = set()
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it may have ended
            command = (entry / "cmdline").read_bytes().split(b"\0")
            if command[1:2] == [b"-IS"] and app_id.encode() in command[2]:
                found.add(int(entry.name))
    return found


def test_an_application_of_somebody_else(skein: Any) -> None:
    app_id = skein.submit(SLEEP + "user: alice\n")
    assert app_id in skein.out("application", "ls", "--user", "alice")
    assert skein.out("application", "kill", app_id, "--user", "alice") == ""
    assert skein.state(app_id) == "KILLED"


def test_uploads_are_found_by_the_container_and_are_deleted_with_the_application(
    skein: Any,
) -> None:
    (skein.folder / "greeting.txt").write_text("hello from a file\n")
    put = f"{sys.executable} -m skein kv put current --key x < greeting.txt"
    fields = {"files": {"greeting.txt": "greeting.txt"}, "resources": ROOM_FOR_PYTHON}
    app_id = skein.submit(service([put, "sleep 600"], **fields))
    assert "hello from a file" in skein.out("kv", "get", app_id, "--key", "x", "--wait")
    assert asyncio.run(_uploads(skein.env, app_id))
    skein.out("application", "shutdown", app_id)
    assert not asyncio.run(_uploads(skein.env, app_id))


def test_uploads_are_shown_on_a_terminal_and_the_id_stands_alone(skein: Any) -> None:
    (skein.folder / "greeting.txt").write_text("hello from a file\n")
    path = skein.write(service(["sleep 600"], files={"greeting.txt": "greeting.txt"}))
    master, terminal = pty.openpty()
    process = skein.start("application", "submit", path, stdout=terminal, stderr=terminal)
    os.close(terminal)
    shown = b""
    with contextlib.suppress(OSError):  # what a terminal's end is
        while data := os.read(master, 4096):
            shown += data
    os.close(master)
    assert process.wait(timeout=30) == 0
    process.stdout = process.stderr = None
    bar, _, last = shown.decode().rpartition("\x1b[K")
    assert "greeting.txt [##############################] 100% of 0.0 MB" in bar
    app_id = last.removesuffix("\r\n")
    assert app_id.startswith("application_")
    skein.submitted.append(app_id)


async def _uploads(env: dict[str, str], app_id: str) -> bool:
    """Whether an application's staging folder is there."""
    settings = Settings.from_environment(env)
    async with open_file_system("", settings.configuration, settings.user) as file_system:
        folder = await staging_folder(file_system, ApplicationId.parse(app_id))
        return await file_system.status(folder) is not None
