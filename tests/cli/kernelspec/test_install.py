"""`yarnhub kernelspec install`."""

from __future__ import annotations

import json
import os
import stat
import sys
from pathlib import Path

import pytest
from jupyter_client.kernelspec import KernelSpecManager

from cli.kernelspec.running import ARCHIVE, document, put, run


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
