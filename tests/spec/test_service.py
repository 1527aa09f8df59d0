"""What a service and the ApplicationMaster have in common, and what only a service has."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from spec.strategies import Document, service_document
from yarnhub.base.errors import SpecError
from yarnhub.spec import File, Master, Readiness, Service

if TYPE_CHECKING:
    from pathlib import Path


def refused(document: object, kind: type[Service | Master] = Service) -> tuple[str, str]:
    with pytest.raises(SpecError) as caught:
        kind.from_dict(document)
    return caught.value.path, caught.value.reason


def commands_document(*commands: object, **changes: object) -> Document:
    return {"resources": {"memory": 1, "vcores": 1}, "commands": [*commands], **changes}


@pytest.mark.parametrize("kind", [Service, Master])
def test_commands_become_a_script_that_stops_at_the_first_failure(
    kind: type[Service | Master],
) -> None:
    process = kind.from_dict(commands_document("source env/bin/activate", "python -m x"))
    assert process.script == "set -e\nsource env/bin/activate\npython -m x\n"
    assert "commands" not in process.to_dict()
    assert kind.from_dict(process.to_dict()) == process


def bash(folder: Path, *commands: str) -> subprocess.CompletedProcess[str]:
    script = folder / "script.sh"
    script.write_text(Service.from_dict(commands_document(*commands)).script)
    return subprocess.run(
        ["bash", str(script)], cwd=folder, capture_output=True, text=True, check=False, timeout=30
    )


def test_commands_run_in_order_until_one_fails(tmp_path: Path) -> None:
    ran = bash(tmp_path, "echo one", "(exit 3)", "echo two")
    assert (ran.returncode, ran.stdout) == (3, "one\n")


def test_commands_can_activate_an_environment(tmp_path: Path) -> None:
    activate = tmp_path / "environment" / "bin" / "activate"
    activate.parent.mkdir(parents=True)
    # As activate scripts do: a variable that may be unset, a test that may fail, a function.
    activate.write_text(
        'deactivate () { if [ -n "${_OLD_PATH:-}" ] ; then PATH="$_OLD_PATH"; fi\n'
        '  if [ ! "${1:-}" = "nondestructive" ] ; then unset -f deactivate; fi; }\n'
        "deactivate nondestructive\n"
        'if [ -z "$UNSET_PROMPT" ] ; then PS1="(x) $PS1"; fi\n'
        '[ -n "$UNSET_HOME" ] && echo never\n'
        "export ACTIVATED=yes\nhash -r 2> /dev/null\n"
    )
    ran = bash(tmp_path, "source environment/bin/activate", "echo $ACTIVATED")
    assert (ran.returncode, ran.stdout) == (0, "yes\n"), ran.stderr


@pytest.mark.parametrize("kind", [Service, Master])
@pytest.mark.parametrize(
    ("changes", "path", "reason"),
    [
        ({"script": "x"}, "commands", "give either `script` or `commands`, not both"),
        ({"commands": []}, "commands", "must hold at least one command"),
        ({"commands": "ls"}, "commands", "must be a list, not 'ls'"),
        ({"commands": ["ls", " "]}, "commands[1]", "must be text that is not empty"),
        (
            {"comands": ["ls"], "commands": None},
            "",
            "unknown key 'comands'; did you mean 'commands'",
        ),
    ],
)
def test_wrong_commands_are_refused(
    kind: type[Service | Master], changes: Document, path: str, reason: str
) -> None:
    found = refused(commands_document("ls") | changes, kind)
    assert found[0] == path
    assert found[1].startswith(reason)


@pytest.mark.parametrize("missing", ["resources", "script"])
@pytest.mark.parametrize("absent", [True, False])
def test_required_keys_are_required(missing: str, absent: bool) -> None:
    document = service_document()
    if absent:
        del document[missing]
    else:
        document[missing] = None
    path, reason = refused(document)
    assert path == missing
    assert reason.startswith("is required")


@pytest.mark.parametrize(
    ("changes", "path", "reason"),
    [
        ({"script": ""}, "script", "must be text that is not empty, not ''"),
        ({"script": " \n"}, "script", "must be text that is not empty, not ' \\n'"),
        ({"instances": -1}, "instances", "must be at least 0, not -1"),
        ({"max_restarts": -2}, "max_restarts", "must be at least -1, not -2"),
        ({"allow_failures": 1}, "allow_failures", "must be true or false, not 1"),
        ({"relax_locality": "no"}, "relax_locality", "must be true or false, not 'no'"),
        ({"nodes": "host"}, "nodes", "must be a list, not 'host'"),
        ({"racks": [""]}, "racks[0]", "must be text that is not empty, not ''"),
        ({"node_label": 1}, "node_label", "must be text, not 1: put the value in quotes"),
        ({"depends": "a"}, "depends", "must be a list, not 'a'"),
        ({"depends": {"a": 1}}, "depends", "must be a list, not dict"),
        ({"env": []}, "env", "must be a mapping, not list"),
        ({"env": {"A": 1}}, "env.A", "must be text, not 1: put the value in quotes"),
        ({"env": {"A": 1.5}}, "env.A", "must be text, not 1.5: put the value in quotes"),
        ({"env": {"A": True}}, "env.A", "must be text, not True: put the value in quotes"),
        ({"env": {"A": None}}, "env.A", "must be text, not null"),
        (
            {"env": {"A B": "x"}},
            "env.A B",
            "must be a name that a shell can export, not 'A B'",
        ),
        (
            {"env": {"A\n": "x"}},
            "env.A\n",
            "must be a name that a shell can export, not 'A\\n'",
        ),
        ({"files": {"a": 1}}, "files.a", "must be a mapping, not 1"),
        (
            {"restart_delay": -1},
            "restart_delay",
            "a duration is from 0 to 2147483647 seconds, not -1",
        ),
        ({"grace_period": True}, "grace_period", "must be a duration, not True"),
        (
            {"restart_delay": "10m"},
            "max_restart_delay",
            "300 s is less than restart_delay, 600 s",
        ),
        ({"ready": {}}, "ready", "give exactly one of `key` and `port`"),
        ({"ready": {"key": "a", "port": 1}}, "ready", "give exactly one of `key` and `port`"),
        ({"ready": {"port": 0}}, "ready.port", "must be at least 1, not 0"),
        ({"ready": {"port": 65536}}, "ready.port", "must be at most 65535, not 65536"),
        ({"ready": {"key": ""}}, "ready.key", "must be text that is not empty, not ''"),
        (
            {"ready": {"key": "a/{number}"}},
            "ready.key",
            "'{number}' is not one of {instance} and {container_id}",
        ),
        ({"ready": 8888}, "ready", "must be a mapping, not 8888"),
        ({"files": {"a": {}}}, "files.a.source", "is required"),
    ],
)
def test_a_wrong_value_is_refused(changes: Document, path: str, reason: str) -> None:
    assert refused(service_document(**changes)) == (path, reason)


@pytest.mark.parametrize(
    ("destination", "reason"),
    [
        ("a/b", "must be a bare file name"),
        ("/a", "must be a bare file name"),
        ("././a", "must be a bare file name"),
        ("./", "must be a bare file name"),
        (".", "must be a bare file name"),
        ("..", "must be a bare file name"),
        ("", "must be a bare file name"),
        ("a b", "must be a bare file name"),
        ("-a", "must be a bare file name"),
        ("a\n", "must be a bare file name"),
        (".skein.sh", "names that begin with .skein or .yarnhub are reserved"),
        ("./.yarnhub", "names that begin with .skein or .yarnhub are reserved"),
    ],
)
def test_destinations_are_bare_names(destination: str, reason: str) -> None:
    path, found = refused(service_document(files={destination: "x"}))
    assert path == f"files.{destination}".removesuffix(".") or path == f"files.{destination}"
    assert found.startswith(reason)


@pytest.mark.parametrize("destination", ["environment", "a.tar.gz", "./a", ".netrc", "__init__.py"])
def test_usual_destinations_are_kept_as_bare_names(destination: str) -> None:
    service = Service.from_dict(service_document(files={destination: "x.zip"}))
    assert service.files == {destination.removeprefix("./"): File(source="x.zip")}


def test_a_destination_has_one_file() -> None:
    assert refused(service_document(files={"a": "x", "./a": "y"})) == (
        "files../a",
        "'a' is given twice",
    )


def test_a_null_counts_as_absent() -> None:
    empty = dict.fromkeys(("files", "env", "depends", "instances", "nodes", "commands"))
    assert Service.from_dict(service_document(**empty)) == Service.from_dict(service_document())


def test_durations_are_seconds() -> None:
    service = Service.from_dict(
        service_document(restart_delay="1.5 s", max_restart_delay="1h 30m", grace_period=30)
    )
    assert service.restart_delay == 1.5
    assert service.max_restart_delay == 5400.0
    assert service.grace_period == 30.0
    assert Service.from_dict(service.to_dict()) == service


def test_what_skein_could_not_say_is_written_only_if_it_is_said() -> None:
    beyond = {"docker", "restart_delay", "max_restart_delay", "grace_period", "ready"}
    assert not beyond & Service.from_dict(service_document()).to_dict().keys()
    said = Service.from_dict(service_document(ready={"port": 1}, grace_period=1)).to_dict()
    assert beyond & said.keys() == {"ready", "grace_period"}
    assert said["ready"] == {"port": 1}


@pytest.mark.parametrize(
    ("key", "found"),
    [("up", "up"), ("{instance}", "3"), ("a/{container_id}/{instance}", "a/my_worker_3/3")],
)
def test_a_key_may_name_the_instance(key: str, found: str) -> None:
    assert Readiness(key=key).key_of("my_worker_3") == found
