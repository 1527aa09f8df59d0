"""What a kernelspec can contain, and the requests that it becomes."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from yarnhub.base.errors import SpecError, SpecTypeError
from yarnhub.kernels.kernelspec import (
    CONFIG,
    Kernelspec,
    KernelspecConfig,
    read,
    request_of,
    shared_folder,
)
from yarnhub.spec import File, FileType, FileVisibility

if TYPE_CHECKING:
    from pathlib import Path

    from yarnhub.kernels.request import KernelRequest

GIB = 1024**3
ID = "0f9d8a5e-1b2c-4d3e-8f70-123456789abc"
ARGV = ("python", "-m", "ipykernel_launcher", "-f", "{connection_file}")
PYTHON = Kernelspec(name="science", argv=ARGV, env={"OMP_NUM_THREADS": "1"})


def request(
    config: object = None,
    spec: Kernelspec = PYTHON,
    asked: dict[str, str] | None = None,
    **rest: Any,  # of request_of
) -> KernelRequest:
    return request_of(
        read(config or {}),
        spec,
        **{"id": ID, "owner": "alice@example.org", "user": "alice", "asked": asked or {}, **rest},
    )


def test_an_empty_config_has_the_defaults() -> None:
    found = request()
    assert (found.queue, found.memory, found.vcores, found.priority) == ("default", GIB, 1, 0)
    assert (found.id, found.name, found.owner, found.user) == (
        ID,
        "science",
        "alice@example.org",
        "alice",
    )
    assert (found.argv, found.transport, found.interrupt) == (ARGV, "ipc", "signal")
    assert (found.cwd, found.python, found.prologue, found.files) == ("", "", "", {})
    assert found.env == {
        "OMP_NUM_THREADS": "1",
        "KERNEL_ID": ID,
        "KERNEL_USERNAME": "alice@example.org",
    }


def test_all_keys_reach_the_request() -> None:
    found = request(
        {
            "queue": "root.research",
            "memory": "2 GiB",
            "vcores": 2,
            "gpus": 1,
            "resource_types": {"example.com/licence": 3, "unused": 0},
            "node_label": "fast_disks",
            "priority": 5,
            "files": {"settings.ini": "hdfs:///conf/settings.ini"},
            "archives": {"models": "hdfs:///models/7.tar.gz"},
            "environment": "hdfs:///environments/science.tar.gz",
            "prologue": "module load cuda",
            "env": {"OMP_NUM_THREADS": "2", "LANG": "C.UTF-8"},
            "cwd": "/scratch",
            "transport": "tcp",
        }
    )
    assert (found.queue, found.memory, found.vcores) == ("root.research", 2 * GIB, 2)
    assert found.resource_types == {"example.com/licence": 3, "yarn.io/gpu": 1}
    assert (found.node_label, found.priority, found.cwd) == ("fast_disks", 5, "/scratch")
    assert found.transport == "tcp"
    assert found.env["OMP_NUM_THREADS"] == "2"
    assert {name: file.type for name, file in found.files.items()} == {
        "settings.ini": FileType.FILE,
        "models": FileType.ARCHIVE,
        "environment": FileType.ARCHIVE,
    }
    assert found.prologue.endswith("\nmodule load cuda")


def test_an_archive_is_downloaded_once_for_all_kernels_of_a_user() -> None:
    found = request({"environment": "hdfs:///environments/science.tar.gz"})
    assert found.files["environment"].visibility is FileVisibility.PRIVATE
    local = request({"environment": "/home/alice/science.tar.gz"})
    assert local.files["environment"].visibility is FileVisibility.APPLICATION
    chosen = {"archive": "hdfs:///e.tar.gz", "visibility": "PUBLIC"}
    with pytest.raises(SpecError, match="environment: unknown key 'visibility'"):
        request({"environment": chosen})
    chosen_file = {"archive": {"source": "hdfs:///e.tar.gz", "visibility": "PUBLIC"}}
    public = request({"environment": chosen_file}).files["environment"]
    assert public == File(source="hdfs:///e.tar.gz", visibility=FileVisibility.PUBLIC)


def test_the_application_has_the_key_of_the_environment_as_a_tag() -> None:
    environment = {"archive": "hdfs:///environments/table.tar.gz", "key": "0f" * 32}
    assert request({"environment": environment}).tags == (f"yarnhub-env:{'0f' * 32}",)
    assert request({"environment": "hdfs:///e.tar.gz"}).tags == ()
    with pytest.raises(SpecError, match="64 hexadecimal digits"):
        request({"environment": {**environment, "key": "table"}})
    with pytest.raises(SpecError, match="only possible with `archive`"):
        request({"environment": {"folder": "/opt/science", "key": "0f" * 32}})


@pytest.mark.parametrize("python", ["python", "python3", "python3.11"])
def test_a_bare_python_is_the_environments(python: str) -> None:
    spec = Kernelspec(name="science", argv=(python, *ARGV[1:]))
    assert request({"environment": "/opt/science"}, spec).argv[0] == f"/opt/science/bin/{python}"
    # The launcher fills in the container's folder: the kernel may start in another one.
    archive = request({"environment": "hdfs:///science.tar.gz"}, spec)
    assert archive.argv[0] == f"{{resource_dir}}/environment/bin/{python}"
    assert archive.argv[1:] == ARGV[1:]
    named = request({"python": "/usr/bin/python3.12"}, spec)
    assert (named.argv[0], named.python) == (python, "/usr/bin/python3.12")
    # The environment's Python may be too old for the launcher.
    launcher = request({"environment": "/opt/old", "python": "/usr/bin/python3.12"}, spec)
    assert (launcher.argv[0], launcher.python) == (f"/opt/old/bin/{python}", "/usr/bin/python3.12")
    assert request({"environment": "/opt/old"}, spec).python == ""


def test_another_program_stays_as_it_is() -> None:
    spec = Kernelspec(name="ir", argv=("R", "--slave", "{connection_file}"))
    assert request({"environment": "/opt/science"}, spec).argv[0] == "R"


@pytest.mark.parametrize("activate", ["", "export PATH=/built/elsewhere/bin:$PATH ACTIVE=yes"])
def test_the_prologue_activates_the_environment(tmp_path: Path, activate: str) -> None:
    programs = tmp_path / "environment" / "bin"
    programs.mkdir(parents=True)
    (programs / "kernel").write_text('#!/bin/sh\necho "active: $ACTIVE"\n')
    (programs / "kernel").chmod(0o755)
    if activate:
        (programs / "activate").write_text(activate)
    script = request({"environment": "hdfs:///e.tar.gz"}).prologue + "cd /\nkernel"
    ran = subprocess.run(
        ["bash", "-euc", script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": "/usr/bin:/bin", "ACTIVE": ""},
    )
    assert ran.stdout == f"active: {'yes' if activate else ''}\n"
    assert ran.stderr == ""


def test_a_request_changes_what_it_may() -> None:
    limits = {
        "KERNEL_MEMORY": "16 GiB",
        "KERNEL_VCORES": 8,
        "KERNEL_GPUS": 2,
        "KERNEL_PRIORITY": 9,
        "KERNEL_QUEUE": ["research"],
        "KERNEL_NODE_LABEL": ["gpu", ""],
    }
    asked = {
        "KERNEL_MEMORY": "16 GiB",
        "KERNEL_VCORES": "8",
        "KERNEL_GPUS": "2",
        "KERNEL_PRIORITY": "9",
        "KERNEL_QUEUE": "research",
        "KERNEL_NODE_LABEL": "gpu",
    }
    found = request({"limits": limits}, asked=asked)
    assert (found.queue, found.memory, found.vcores) == ("research", 16 * GIB, 8)
    assert (found.node_label, found.priority) == ("gpu", 9)
    assert found.resource_types == {"yarn.io/gpu": 2}
    assert found.env.items() >= asked.items()
    less = request({"limits": limits, "gpus": 1}, asked={"KERNEL_GPUS": "0"})
    assert less.resource_types == {}
    own = request({"limits": limits}, asked={"KERNEL_QUEUE": "default"})
    assert own.queue == "default"


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"KERNEL_MEMORY": "17 GiB"}, "KERNEL_MEMORY: must be at most 16 GiB, not 17 GiB"),
        ({"KERNEL_MEMORY": "2048"}, "KERNEL_MEMORY: '2048' has no unit: write a number with"),
        ({"KERNEL_MEMORY": "-1 GiB"}, "KERNEL_MEMORY: is not a quantity of memory"),
        ({"KERNEL_MEMORY": "lots"}, "KERNEL_MEMORY: is not a quantity of memory"),
        ({"KERNEL_VCORES": "9"}, "KERNEL_VCORES: must be at most 8, not 9"),
        ({"KERNEL_VCORES": "0"}, "KERNEL_VCORES: must be at least 1, not 0"),
        ({"KERNEL_VCORES": "1.5"}, "KERNEL_VCORES: must be a whole number, not '1.5'"),
        ({"KERNEL_VCORES": "-1"}, "KERNEL_VCORES: must be a whole number, not '-1'"),
        ({"KERNEL_VCORES": "٣"}, "KERNEL_VCORES: must be a whole number"),
        ({"KERNEL_VCORES": "9" * 5000}, "KERNEL_VCORES: must be a whole number, not str"),
        ({"KERNEL_GPUS": "1"}, "KERNEL_GPUS: this kernel does not allow a request to change"),
        ({"KERNEL_QUEUE": "prod"}, "KERNEL_QUEUE: must be one of 'research', 'test', not 'prod'"),
        ({"KERNEL_QUEUE": "a; rm -rf /"}, "KERNEL_QUEUE: must be the name of a queue"),
        ({"KERNEL_USERNAME": "bob"}, "KERNEL_USERNAME: must be your own name"),
        ({"KERNEL_A;B": "1"}, "env: must be the name of an environment variable"),
        ({"KERNEL_A": "\0"}, "KERNEL_A: must not contain a NUL character"),
        ({"KERNEL_A": "\udc80"}, "KERNEL_A: is not Unicode"),
        ({"KERNEL_A": "x" * 70_000}, "env: a request can set 200 variables of 12 KiB"),
        ({f"KERNEL_{n}": "" for n in range(201)}, "env: a request can set 200 variables"),
    ],
)
def test_a_request_for_more_is_refused(asked: dict[str, str], message: str) -> None:
    limits = {"KERNEL_MEMORY": "16 GiB", "KERNEL_VCORES": 8, "KERNEL_QUEUE": ["research", "test"]}
    with pytest.raises(SpecError) as refused:
        request({"limits": limits}, asked=asked)
    assert message in str(refused.value)
    assert len(str(refused.value)) < 300


def test_only_some_variables_of_a_request_reach_the_kernel() -> None:
    asked = {"KERNEL_TITLE": "$(id) `id` '", "PATH": "/evil", "LD_PRELOAD": "/evil", "TZ": "UTC"}
    found = request({"allowed_env": ["TZ"]}, asked=asked)
    assert found.env["KERNEL_TITLE"] == "$(id) `id` '"
    assert found.env["TZ"] == "UTC"
    assert not {"PATH", "LD_PRELOAD"} & found.env.keys()
    assert (found.prologue, found.argv) == ("", ARGV)


def test_a_request_cannot_forge_its_id_or_user() -> None:
    found = request(asked={"KERNEL_ID": "another", "KERNEL_USERNAME": "alice"})
    assert found.env["KERNEL_ID"] == ID
    assert found.env["KERNEL_USERNAME"] == "alice@example.org"


@pytest.mark.parametrize("id", ["", "kernel", ID.upper(), f"{ID}/..", f"{ID}\n"])
def test_an_id_is_a_uuid(id: str) -> None:  # noqa: A002
    with pytest.raises(SpecError, match="must be a UUID"):
        request(id=id)


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        ("/home/alice/work", "/home/alice/work"),
        ("/home", "/home"),
        ("/home/alice/project/a", "/projects/a"),
        ("/homes/alice", ""),
        ("/home/../etc", ""),
        ("home/alice", ""),
        ("", ""),
        ("/home/a\nb", ""),
    ],
)
def test_a_kernel_starts_in_its_notebooks_folder_where_nodes_have_it(
    folder: str, expected: str
) -> None:
    config = {"shared_folders": {"/home/": "/home", "/home/alice/project": "/projects"}}
    assert shared_folder(read(config), folder) == expected
    assert request(config, cwd=folder).cwd == expected
    assert request({**config, "cwd": "/scratch"}, cwd=folder).cwd == (expected or "/scratch")
    asked = {"KERNEL_WORKING_DIR": folder}
    assert request(config, asked=asked).cwd == expected
    assert "KERNEL_WORKING_DIR" not in request(config, asked=asked, cwd="/x").env


def test_folders_can_have_the_same_path_everywhere() -> None:
    assert request({"shared_folders": ["/home"]}, cwd="/home/alice").cwd == "/home/alice"
    assert request({"shared_folders": ["/"]}, cwd="/home/alice").cwd == "/home/alice"


def test_the_notebook_is_told_to_the_kernel() -> None:
    found = request(notebook="work/a b.ipynb")
    assert (found.notebook, found.env["JPY_SESSION_NAME"]) == ("work/a b.ipynb",) * 2


@pytest.mark.parametrize(
    ("config", "path", "reason"),
    [
        ([], "", "must be a mapping, not list"),
        ({"memroy": 1}, "", "unknown key 'memroy'; did you mean 'memory'?"),
        ({"memory": 1.5}, "memory", "must be a whole number of bytes; or write a number with a"),
        ({"memory": True}, "memory", "must be a whole number of bytes"),
        ({"memory": 2048}, "memory", "must be at least 1 MiB, not 2048 bytes: write a number"),
        ({"memory": "2048"}, "memory", "'2048' has no unit: write a number with a unit, such as"),
        ({"memory": -GIB}, "memory", "must be at least 1 MiB, not a negative number"),
        ({"memory": 2**90}, "memory", "is more memory than YARN can count"),
        ({"memory": "2 GiBs"}, "memory", "is not a quantity of memory: write"),
        ({"vcores": 0}, "vcores", "must be at least 1, not 0"),
        ({"vcores": 1.0}, "vcores", "must be a whole number, not 1.0"),
        ({"vcores": "2"}, "vcores", "must be a whole number, not '2'"),
        ({"gpus": -1}, "gpus", "must be at least 0, not -1"),
        (
            {"gpus": 1, "resource_types": {"yarn.io/gpu": 2}},
            "gpus",
            "contradicts 'yarn.io/gpu': 1 is not 2",
        ),
        ({"resource_types": {"memory": 1}}, "resource_types.memory", "has a key of its own"),
        ({"resource_types": {"a b": 1}}, "resource_types.a b", "must be the name of a resource"),
        ({"queue": ""}, "queue", "must be the name of a queue"),
        ({"queue": "a,b"}, "queue", "must be the name of a queue"),
        ({"node_label": "a b"}, "node_label", "must be a node label"),
        ({"priority": -1}, "priority", "must be at least 0"),
        ({"files": {"../x": "hdfs:///x"}}, "files.../x", "must be a bare file name"),
        ({"files": {"x": "conf/x"}}, "files.x", "must be a URL"),
        ({"archives": {"x": "hdfs:///x.txt"}}, "archives.x", "is not an archive"),
        ({"files": {"work": "/x"}}, "files.work", "is the kernel's folder: write another name"),
        (
            {"files": {"x": "/x"}, "archives": {"x": "/x.zip"}},
            "archives.x",
            "is given twice: write another name",
        ),
        (
            {"environment": "/e.zip", "files": {"environment": "/x"}},
            "files.environment",
            "is the environment: write another name",
        ),
        ({"environment": {}}, "environment", "write either `archive` or `folder`"),
        ({"environment": "science"}, "environment.folder", "must be an absolute path"),
        ({"environment": "/opt/$(id)"}, "environment.folder", "must be an absolute path"),
        ({"environment": "hdfs:///x"}, "environment.archive", "is not an archive"),
        ({"environment": {"folder": "/x", "unpack": "container"}}, "environment.unpack", "only"),
        (
            {"environment": {"archive": "hdfs:///x.zip", "unpack": "container"}},
            "environment.unpack",
            "unpacks .tar.gz and .tgz files only",
        ),
        (
            {
                "environment": {"archive": "hdfs:///x.tgz", "unpack": "container"},
                "files": {"environment.tar.gz": "hdfs:///y"},
            },
            "files.environment.tar.gz",
            "is the environment",
        ),
        (
            {
                "environment": {"archive": "hdfs:///x.tgz", "unpack": "container"},
                "files": {"environment": "hdfs:///y"},
            },
            "files.environment",
            "is the environment",
        ),
        ({"env": {"A-B": ""}}, "env.A-B", "must be the name of an environment variable"),
        ({"env": {"A": 1}}, "env.A", "must be text, not 1: put the value in quotes"),
        ({"cwd": "work"}, "cwd", "must be an absolute path without '..'"),
        ({"shared_folders": ["home"]}, "shared_folders[0]", "must be an absolute path"),
        ({"python": "python3; id"}, "python", "must be a program's name or path"),
        ({"transport": "udp"}, "transport", "must be 'ipc' or 'tcp', not 'udp'"),
        ({"limits": {"KERNEL_MEMROY": 1}}, "limits", "did you mean 'KERNEL_MEMORY'?"),
        ({"limits": {"KERNEL_VCORES": 0}}, "limits.KERNEL_VCORES", "must be at least 1"),
        (
            {"memory": "4 GiB", "limits": {"KERNEL_MEMORY": "2 GiB"}},
            "limits.KERNEL_MEMORY",
            "must be at least the kernel's own memory, 4 GiB, not 2 GiB",
        ),
        ({"limits": {"KERNEL_QUEUE": "a"}}, "limits.KERNEL_QUEUE", "must be a list of names"),
        ({"limits": {"KERNEL_QUEUE": []}}, "limits.KERNEL_QUEUE", "names nothing to choose from"),
        ({"allowed_env": "TZ"}, "allowed_env", "must be a list"),
    ],
)
def test_a_wrong_config_is_refused(config: object, path: str, reason: str) -> None:
    with pytest.raises(SpecError) as refused:
        read(config)
    dot = "." if path and not path.startswith("[") else ""
    assert refused.value.path == f"{CONFIG}{dot}{path}"
    assert reason in refused.value.reason


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        (Kernelspec(name="x", argv=()), "argv"),
        (Kernelspec(name="x", argv=("python",)), "argv"),
        (Kernelspec(name="x", argv=("", "{connection_file}")), "argv"),
        (Kernelspec(name="x", argv=("\0", "{connection_file}")), "argv[0]"),
        (Kernelspec(name="x", argv=ARGV, interrupt_mode="kill"), "interrupt_mode"),
        (Kernelspec(name="x", argv=ARGV, env={"A-B": ""}), "env.A-B"),
    ],
)
def test_a_wrong_kernelspec_is_refused(spec: Kernelspec, path: str) -> None:
    with pytest.raises(SpecError) as refused:
        request(spec=spec)
    assert refused.value.path == path


def test_a_wrong_type_is_told_apart() -> None:
    with pytest.raises(SpecTypeError):
        read({"vcores": "2"})


def test_a_null_counts_as_absent() -> None:
    assert read({"memory": None, "limits": {"KERNEL_MEMORY": None}}) == KernelspecConfig()
