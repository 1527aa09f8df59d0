"""The commands for kernelspecs."""

from __future__ import annotations

import getpass
import json
import os
import stat
import sys
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_core import paths

from yarnhub.cli import kernelspec_folders
from yarnhub.cli.main import main

ARCHIVE = "hdfs:///environments/science.tar.gz"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Jupyter's folders: `user`, `env` and `host`."""
    for name in ("JUPYTER_PATH", "JUPYTER_PREFER_ENV_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "user"))
    monkeypatch.setattr(paths, "SYSTEM_JUPYTER_PATH", [str(tmp_path / "host")])
    monkeypatch.setattr(paths, "ENV_JUPYTER_PATH", [str(tmp_path / "env")])
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(["kernelspec", *arguments])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def document(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "kernel.json").read_text())
    return found


def put(folder: Path, content: object) -> Path:
    folder.mkdir(parents=True)
    text = content if isinstance(content, str) else json.dumps(content)
    (folder / "kernel.json").write_text(text)
    return folder


def test_install_python_for_the_host(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--environment", ARCHIVE, "--memory", "2 GiB", "--vcores", "2", "--gpus", "1"]
    old = os.umask(0o077)
    try:
        code, out, err = run(capsys, "install", *options)
    finally:
        os.umask(old)
    folder = home / "host/kernels/yarn-python"
    assert (code, out, err) == (0, f"Installed: Python on YARN (yarn-python) in {folder}\n", "")
    assert document(folder)["argv"] == [
        "python", "-m", "ipykernel_launcher", "-f", "{connection_file}"
    ]  # fmt: skip
    assert document(folder)["metadata"]["kernel_provisioner"] == {
        "provisioner_name": "yarnhub",
        "config": {"environment": ARCHIVE, "memory": "2 GiB", "vcores": 2, "gpus": 1},
    }
    assert (folder / "logo-64x64.png").is_file()
    # Users can read it, whatever the umask of root is.
    assert stat.S_IMODE(folder.stat().st_mode) == 0o755
    assert {stat.S_IMODE(each.stat().st_mode) for each in folder.iterdir()} == {0o644}
    assert KernelSpecManager().find_kernel_specs()["yarn-python"] == str(folder)


def test_install_r(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "install", "--language", "r", "--user")[0] == 0
    found = document(home / "user/kernels/yarn-r")
    assert found["argv"] == [
        "R",
        "--slave",
        "-e",
        "IRkernel::main()",
        "--args",
        "{connection_file}",
    ]
    assert (found["language"], found["interrupt_mode"]) == ("R", "signal")
    code, out, _ = run(capsys, "show", "yarn-r", "--json")
    assert (code, json.loads(out)["transport"]) == (0, "ipc")


def test_install_another_language(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    argv = ["java", "-jar", "kernel.jar", "--user", "{connection_file}"]
    options = ["--language", "scala", "--transport", "tcp", "--prefix", str(home / "p")]
    code, _, err = run(capsys, "install", "Scala", *options, "--argv", *argv)
    assert code == 0
    folder = home / "p/share/jupyter/kernels/scala"
    assert document(folder)["argv"] == argv
    assert document(folder)["display_name"] == "Scala on YARN"
    assert f"does not search {folder.parent}: set JUPYTER_PATH" in err
    assert "with tcp, other users of the node can read the kernel's output" in err


def test_install_from_a_template(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    template = put(
        home / "julia",
        {
            "argv": ["julia", "{connection_file}"],
            "display_name": "Julia 1.11",
            "language": "julia",
            "interrupt_mode": "message",
            "env": {"JULIA_NUM_THREADS": "4"},
            "metadata": {"debugger": False},
        },
    )
    (template / "logo-32x32.png").write_bytes(b"png")
    options = ["--template", str(template / "kernel.json"), "--queue", "research", "--sys-prefix"]
    assert run(capsys, "install", "julia", *options, "--display-name", "Julia")[0] == 0


@pytest.fixture(autouse=True)
def _sys_prefix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "prefix"))


def test_a_template_keeps_all_but_the_provisioner(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    test_install_from_a_template(home, capsys)
    folder = home / "prefix/share/jupyter/kernels/julia"
    assert document(folder) == {
        "argv": ["julia", "{connection_file}"],
        "display_name": "Julia",
        "language": "julia",
        "interrupt_mode": "message",
        "env": {"JULIA_NUM_THREADS": "4"},
        "metadata": {
            "debugger": False,
            "kernel_provisioner": {
                "provisioner_name": "yarnhub", "config": {"queue": "research"}
            },
        },
    }  # fmt: skip
    assert (folder / "logo-32x32.png").read_bytes() == b"png"


def test_all_options(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "more.json").write_text(
        '{"files": {"a.ini": "hdfs:///a.ini"}, "memory": "8 GiB", "allowed_env": ["TZ"]}'
    )
    options = [
        *("--config", str(home / "more.json"), "--memory", "2 GiB", "--node-label", "gpu"),
        *("--priority", "3", "--python", "/usr/bin/python3.12", "--prologue", "module load x"),
        *("--cwd", "/scratch", "--shared-folder", "/home", "--shared-folder", "/data"),
        *("--env", "A=1", "--env", "B=x=y", "--limit", "KERNEL_MEMORY=16 GiB"),
        *("--limit", "KERNEL_VCORES=8", "--limit", "KERNEL_QUEUE=default,research"),
    ]
    assert run(capsys, "install", "all", "--user", *options)[0] == 0
    found = document(home / "user/kernels/all")["metadata"]["kernel_provisioner"]["config"]
    assert found == {
        "files": {"a.ini": "hdfs:///a.ini"},
        "allowed_env": ["TZ"],
        "memory": "2 GiB",
        "node_label": "gpu",
        "priority": 3,
        "python": "/usr/bin/python3.12",
        "prologue": "module load x",
        "cwd": "/scratch",
        "shared_folders": ["/home", "/data"],
        "env": {"A": "1", "B": "x=y"},
        "limits": {
            "KERNEL_MEMORY": "16 GiB",
            "KERNEL_VCORES": 8,
            "KERNEL_QUEUE": ["default", "research"],
        },
    }


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--memory", "2048"], "config.memory: '2048' has no unit: write a number with a unit"),
        (["--vcores", "0"], "config.vcores: must be at least 1, not 0"),
        (["--environment", "science"], "config.environment.folder: must be an absolute path"),
        (["--limit", "KERNEL_MEMROY=1"], "did you mean 'KERNEL_MEMORY'?"),
        (["--limit", "KERNEL_MEMORY"], "--limit KERNEL_MEMORY: expected NAME=VALUE"),
        (["--env", "=1"], "--env =1: expected NAME=VALUE"),
        (["../x"], "name: must consist of letters, digits, '.', '_' and '-', not '../x'"),
        ([".x"], "name: must consist of letters"),
        (["--language", "cobol"], "only python and r are known; write the kernel's command with"),
        (["x", "--argv", "kernel", "{connection_file}"], "--argv needs the --language"),
        (["x", "--language", "x", "--argv", "kernel"], "argv: must contain {connection_file}"),
        (["--language", "x", "--argv", "kernel"], "write a NAME for the kernelspec"),
        (["--config", "nowhere.json"], "--config nowhere.json: No such file"),
        (["--config", "kernel.json"], "--config kernel.json: not a JSON document"),
        (["x", "--template", "nowhere"], "--template nowhere: No such file"),
        (["x", "--template", "eg", "--language", "r"], "--template has the kernel's language"),
        (["x", "--template", "eg"], "use `yarnhub kernelspec convert`"),
    ],
)
def test_nothing_is_written_if_something_is_wrong(
    options: list[str],
    message: str,
    home: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(home)
    (home / "kernel.json").write_text("{")
    put(home / "eg", {"argv": ["run.sh"], "metadata": {"process_proxy": {"class_name": "x"}}})
    code, out, err = run(capsys, "install", *options)
    assert (code, out) == (1, "")
    assert message in err
    assert not (home / "host").exists()


def test_an_existing_kernelspec_is_replaced_only_when_told(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = {"argv": ["python3", "{connection_file}"], "display_name": "Mine"}
    folder = put(home / "host/kernels/mine", other)
    (folder / "kernel.js").write_text("")
    code, _, err = run(capsys, "install", "Mine")
    assert code == 1
    assert f"{folder} exists, for kernels that do not run on YARN: use another name" in err
    assert document(folder) == other
    assert run(capsys, "install", "mine", "--replace")[0] == 0
    assert document(folder)["metadata"]["kernel_provisioner"]["provisioner_name"] == "yarnhub"
    assert not (folder / "kernel.js").exists()
    assert f"{folder} exists: use another name, or replace it" in run(capsys, "install", "mine")[2]


def test_folders_that_are_something_else_are_kept(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(home / "host/kernels/Mixed", {})
    (home / "host/kernels/linked").symlink_to(put(home / "elsewhere", {}))
    (home / "host/kernels/notes").mkdir()
    for name, words in (
        ("mixed", "Mixed exists: remove it first"),
        ("linked", "linked exists: remove it first"),
        ("notes", "notes exists, and is not a kernelspec"),
    ):
        code, _, err = run(capsys, "install", name, "--replace")
        assert code == 1
        assert words in err
    (home / "file").write_text("")
    code, _, err = run(capsys, "install", "--prefix", str(home / "file"))
    assert code == 1
    assert f"{home / 'file'} is not a folder that you can write to: use --user" in err


@pytest.mark.parametrize("exists", [True, False])
def test_a_full_disk_leaves_what_was_there(
    home: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    *,
    exists: bool,
) -> None:
    folder = home / "host/kernels/mine"
    if exists:
        put(folder, {"argv": ["x"]})

    def full(descriptor: int) -> None:
        if b"{" in Path(f"/proc/self/fd/{descriptor}").read_bytes()[:1]:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    code, _, err = run(capsys, "install", "mine", "--replace")
    assert code == 1
    assert f"{folder} cannot be written: No space left on device" in err
    assert folder.exists() == exists
    if exists:
        assert document(folder) == {"argv": ["x"]}
        assert not [each for each in folder.iterdir() if each.name.startswith(".")]


def test_a_name_that_is_hidden_by_another(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "install", "--user")[0] == 0
    code, _, err = run(capsys, "install")
    assert code == 0
    assert f"Note: Jupyter uses {home / 'user/kernels/yarn-python'} instead" in err


def test_list(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "ls")[:2] == (
        0, "There is no kernelspec for YARN: `yarnhub kernelspec install` installs one.\n"
    )  # fmt: skip
    assert run(capsys, "ls", "--json")[1] == "[]\n"
    run(capsys, "install", "--queue", "research", "--gpus", "2", "--memory", "2 GiB")
    put(home / "env/kernels/python3", {"argv": ["python3"]})
    put(home / "env/kernels/broken", "{")
    ours = {"provisioner_name": "yarnhub", "config": {"memory": 1}}
    put(
        home / "env/kernels/wrong",
        {"argv": ["x", "{connection_file}"], "metadata": {"kernel_provisioner": ours}},
    )
    code, out, _ = run(capsys, "ls")
    assert code == 0
    assert [line.rstrip() for line in out.splitlines()] == [
        "NAME         DISPLAY NAME    RESOURCES                               QUEUE",
        "wrong        wrong           invalid: see `yarnhub kernelspec show`  -",
        "yarn-python  Python on YARN  2 GiB, 1 vcore, 2 yarn.io/gpu           research",
    ]
    wrong, good = json.loads(run(capsys, "ls", "--json")[1])
    assert "config.memory: must be at least 1 MiB, not 1 byte" in wrong["problem"]
    assert good == {
        "name": "yarn-python",
        "display_name": "Python on YARN",
        "folder": str(home / "host/kernels/yarn-python"),
        "problem": "",
        "queue": "research",
        "memory": 2 * 1024**3,
        "vcores": 1,
        "resource_types": {"yarn.io/gpu": 2},
        "node_label": "",
    }


def test_show(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(
        capsys, "install", "--environment", ARCHIVE, "--shared-folder", "/home",
        "--env", "SECRET=hidden", "--limit", "KERNEL_MEMORY=16 GiB", "--limit",
        "KERNEL_QUEUE=default,research",
    )  # fmt: skip
    code, out, err = run(
        capsys, "show", "Yarn-Python", "--request", "KERNEL_MEMORY=8 GiB", "--cwd", "/home/alice"
    )
    assert (code, err) == (0, "")
    assert "hidden" not in out
    for line in (
        "memory          8 GiB",
        "vcores          1",
        "queue           default",
        "node label      the queue's default",
        "resource types  none",
        "cwd             /home/alice",
        "env             KERNEL_ID, KERNEL_MEMORY, KERNEL_USERNAME, SECRET",
        f"files           environment: {ARCHIVE} (ARCHIVE, PRIVATE)",
        "limits          KERNEL_MEMORY: up to 16 GiB",
        "                KERNEL_QUEUE: default, research",
    ):
        assert line in out.splitlines()
    found = json.loads(run(capsys, "show", "yarn-python", "--json")[1])
    assert found["limits"] == {
        "KERNEL_MEMORY": 16 * 1024**3, "KERNEL_QUEUE": ["default", "research"]
    }  # fmt: skip
    assert found["argv"][0] == "{resource_dir}/environment/bin/python"
    assert found["folder"] == str(home / "host/kernels/yarn-python")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing"], "there is no kernelspec 'nothing'; installed: other, yarn-python"),
        (["other"], "provisioner_name: must be 'yarnhub'"),
        (["yarn-python", "--request", "KERNEL_MEMORY=8 GiB"], "does not allow a request to"),
        (["yarn-python", "--request", "KERNEL_MEMORY"], "expected NAME=VALUE"),
        (["yarn-python", "--request", "PATH=/x"], "its name must begin with KERNEL_"),
        (["yarn-python", "--request", "KERNEL_USERNAME=nobody-else"], "must be your own name"),
    ],
)
def test_show_refuses(
    arguments: list[str], message: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(capsys, "install")
    put(home / "host/kernels/other", {"argv": ["x"]})
    code, out, err = run(capsys, "show", *arguments)
    assert (code, out) == (1, "")
    assert message in err


def test_notes_on_files_of_this_host(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    archive = str(home / "e.tar.gz")
    _, _, err = run(capsys, "install", "--environment", archive, "--env", "P=$PATH")
    assert f"environment: {archive} is uploaded from the host that starts the kernel" in err
    assert "env.P: variables of the node are not filled in" in err


def test_remove(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, "install")
    run(capsys, "install", "--user")
    other = put(home / "host/kernels/other", {"argv": ["x"]})
    code, _, err = run(capsys, "rm", "yarn-python", "other")
    assert code == 1
    assert f"{other} is not removed: it is not for YARN: use `jupyter kernelspec remove`" in err
    code, out, _ = run(capsys, "rm", "YARN-python")
    assert (code, out) == (0, f"Removed: {home / 'user/kernels/yarn-python'}\n")
    assert run(capsys, "rm", "yarn-python", "--user")[0] == 1
    (home / "env/kernels").mkdir(parents=True)
    link = home / "env/kernels/yarn-python"
    link.symlink_to(home / "host/kernels/yarn-python")
    assert run(capsys, "rm", "yarn-python")[0] == 0
    assert not link.is_symlink()
    assert (home / "host/kernels/yarn-python/kernel.json").exists()
    assert run(capsys, "rm", "yarn-python")[0] == 0
    assert [each.name for each in (home / "host/kernels").iterdir()] == ["other"]


def test_jupyter_is_missing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "jupyter_client.kernelspec", None)
    monkeypatch.setitem(sys.modules, "jupyter_core", None)
    for command in (["ls"], ["install"], ["show", "x"]):
        code, _, err = run(capsys, *command)
        assert code == 1
        assert "Jupyter is not installed in" in err
        assert "pip install 'yarnhub[kernels]'" in err


def test_convert(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = put(
        home / "eg",
        {
            "argv": ["run.sh", "--RemoteProcessProxy.kernel-id", "{kernel_id}"],
            "display_name": "Spark",
            "language": "python",
            "env": {"SPARK_OPTS": "--queue research"},
            "metadata": {"process_proxy": {"class_name": "x", "config": {"port_range": "1..2"}}},
        },
    )
    code, out, err = run(capsys, "convert", str(folder / "kernel.json"))
    assert code == 0
    assert json.loads(out)["metadata"]["kernel_provisioner"]["config"] == {"queue": "research"}
    assert err == (
        "Note: config.port_range is not needed: the launcher connects to the gateway, and listens "
        "nowhere\n"
    )
    (home / "new").mkdir()
    output = home / "new/kernel.json"
    arguments = ["convert", str(folder / "kernel.json"), "--output", str(output)]
    assert run(capsys, *arguments)[:2] == (0, "")
    assert output.read_text() == out
    assert "cannot be written: File exists" in run(capsys, *arguments)[2]
    assert run(capsys, "install", "spark", "--template", str(output), "--user")[0] == 0
    assert document(home / "user/kernels/spark")["metadata"]["kernel_provisioner"]["config"] == {
        "queue": "research"
    }
    code, _, err = run(capsys, "convert", str(home / "nowhere"))
    assert (code, "No such file" in err) == (1, True)
    code, _, err = run(capsys, "convert", str(output))
    assert (code, "metadata: has neither Enterprise Gateway's" in err) == (1, True)


def test_a_user_is_the_one_who_runs_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, "install")
    request = f"KERNEL_USERNAME={getpass.getuser()}"
    assert run(capsys, "show", "yarn-python", "--request", request)[0] == 0


def test_unreadable_folders_hold_no_kernelspecs(tmp_path: Path) -> None:
    assert kernelspec_folders.kernelspecs_in(tmp_path / "nowhere") == []
