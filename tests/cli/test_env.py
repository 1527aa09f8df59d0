"""`yarnhub env build`."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from environments.archives import run, unpack
from environments.wheels import wheel
from yarnhub.cli.main import main

PROGRAM = Path(sys.executable).parent / "yarnhub"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a specification, and the configuration of a site without a network."""
    found = tmp_path / "work"
    found.mkdir()
    wheel(tmp_path / "wheels", "first")
    site = {"find_links": [str(tmp_path / "wheels")], "no_index": True}
    (found / "site.json").write_text(json.dumps(site))
    (found / "spec.yaml").write_text("name: science\npip: [first]\n")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(found)
    return found


BUILD = ["env", "build", "spec.yaml", "--site", "site.json", "--output", "science.tar.gz"]


def test_from_a_specification_to_an_archive(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(BUILD) == 0
    printed = capsys.readouterr()
    built, name, python, key = printed.out.splitlines()
    assert built.startswith(f"Built: {folder}/science.tar.gz (")
    assert name == "Name: science"
    assert python.startswith(f"Python: {sys.version.split()[0]}, for linux-")
    steps = [line.partition(":")[0] for line in printed.err.splitlines()]
    assert [*dict.fromkeys(steps)] == ["interpreter", "lock", "install", "compile", "pack"]
    assert "install: + first==1.0" in printed.err
    moved = unpack(folder / "science.tar.gz", tmp_path / "moved")
    assert run(moved, "import first; print(first.v)", tmp_path) == "1.0"

    assert main(BUILD) == 1
    assert "Error: science.tar.gz exists: use another name, or --force" in capsys.readouterr().err
    assert main([*BUILD, "--force", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["name"], found["key"]) == ("science", key.removeprefix("Key: "))
    assert found["problems"] == []
    assert sorted(each.name for each in folder.iterdir()) == [
        *("science.tar.gz", "site.json", "spec.yaml")
    ]


@pytest.mark.parametrize(
    ("arguments", "text", "said"),
    [
        (["--output", "x.zip"], "", "x.zip has to end with .tar.gz"),
        (["--output", "missing/x.tar.gz"], "", "missing does not exist"),
        (["--site", "missing.yaml"], "", "missing.yaml cannot be read: No such file"),
        ([], "name: Science\npip: [first]", "spec.yaml.name: must be a name of at most"),
        ([], "name: x\npip: [missing]", "Error in the step lock: error: No solution found"),
        ([], "name: x\npip: [first]\nkernels: {}", "unknown key 'kernels'"),
    ],
)
def test_an_error_is_told_in_words(
    arguments: list[str], text: str, said: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if text:
        (folder / "spec.yaml").write_text(text)
    before = sorted(folder.iterdir())
    assert main([*BUILD, *arguments]) == 1
    assert said in capsys.readouterr().err
    assert sorted(folder.iterdir()) == before


def test_settings_of_uv_are_merged_as_uv_does(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Those of a user do not hide the machine's, and those of projects do not apply."""
    for name, text in (
        ("machine", f'no-index = true\nfind-links = ["{tmp_path}/wheels"]\n'),
        ("user", 'prerelease = "allow"\n'),
    ):
        (tmp_path / name / "uv").mkdir(parents=True)
        (tmp_path / name / "uv" / "uv.toml").write_text(text)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "user"))
    monkeypatch.setenv("XDG_CONFIG_DIRS", str(tmp_path / "machine"))
    (folder / "uv.toml").write_text("no-index = false\nfind-links = []\nprerelease = 'disallow'\n")
    wheel(tmp_path / "wheels", "first", "2.0rc1")
    assert main(["env", "build", "spec.yaml", "--output", "science.tar.gz"]) == 0
    assert "install: + first==2.0rc1" in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_nothing(number: signal.Signals, folder: Path) -> None:
    before = sorted(folder.iterdir())
    process = subprocess.Popen([str(PROGRAM), *BUILD], stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    lines = []
    for line in process.stderr:
        lines.append(line)
        if line.startswith("compile: started"):
            process.send_signal(number)
            break
    _, errors = process.communicate(timeout=60)
    assert lines[-1] == "compile: started\n", lines
    assert "Traceback" not in errors
    assert process.returncode in (-number, 128 + number)
    assert sorted(folder.iterdir()) == before


@pytest.mark.parametrize(
    ("option", "said"),
    [
        (["--memory", "much"], "resources.memory: 'much' is not a quantity of memory"),
        (["--vcores", "half"], "resources.vcores: must be"),
        (["--timeout", "soon"], "timeout: "),
        (["--queue", ""], "queue: "),
    ],
)
def test_a_wrong_option_of_create_is_named(
    folder: Path, option: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["env", "create", "spec.yaml", "--site", "site.json", *option]) == 1
    assert f"Error: {said}" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["create", "spec.yaml"], ["logs", "x"], ["cancel", "x"]])
def test_builds_on_the_cluster_need_its_configuration(
    command: list[str],
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HADOOP_CONF_DIR", str(folder / "missing"))
    assert main(["env", *command]) == 1
    assert "the Hadoop configuration folder" in capsys.readouterr().err
