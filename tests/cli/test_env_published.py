"""`yarnhub env build --publish`, `import`, `ls`, `show`, `diff`, `share`, `rollback` and `rm`.

A local folder is the cluster's file system; there is no YARN.
"""

from __future__ import annotations

import json
import os
import tarfile
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from environments.wheels import wheel
from yarnhub.cli.main import main

if TYPE_CHECKING:
    from pathlib import Path

CONFIGURATION = """<configuration>
<property><name>fs.defaultFS</name><value>file:///</value></property>
<property><name>yarnhub.environments.root</name><value>{root}</value></property>
<property><name>yarnhub.environments.max-per-user</name><value>{count}</value></property>
</configuration>"""

Run = Callable[..., tuple[str, str]]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder with environments, which the configuration names."""
    conf = tmp_path / "conf"
    conf.mkdir()
    root = tmp_path / "environments"
    (conf / "core-site.xml").write_text(CONFIGURATION.format(root=root, count=2))
    monkeypatch.setenv("HADOOP_CONF_DIR", str(conf))
    monkeypatch.delenv("HADOOP_USER_NAME", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return root


@pytest.fixture
def run(root: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command that succeeds; returns what it prints."""

    def run(*arguments: str) -> tuple[str, str]:
        code = main(["env", *arguments])
        printed = capsys.readouterr()
        assert code == 0, printed.err
        return printed.out, printed.err

    return run


@pytest.fixture
def refused(root: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Runs a command that fails; returns its message."""

    def run(*arguments: str) -> str:
        assert main(["env", *arguments]) == 1
        return capsys.readouterr().err

    return run


def packed(folder: Path, *packages: str) -> Path:
    """An archive as conda-pack and venv-pack make it."""
    archive = folder / f"{'-'.join(packages) or 'empty'}.tar.gz"
    source = folder / "empty"
    source.touch()
    with tarfile.open(archive, "w:gz") as made:
        made.add(source, "bin/python3")
        for each in packages:
            made.add(source, f"lib/python3.12/site-packages/{each}.dist-info/METADATA")
    return archive


def test_from_building_to_deleting(
    run: Run, refused: Callable[..., str], root: Path, tmp_path: Path
) -> None:
    assert run("ls")[0] == "There are no environments: see `yarnhub env create`.\n"
    wheel(tmp_path / "wheels", "first")
    (tmp_path / "site.json").write_text(
        json.dumps({"find_links": [str(tmp_path / "wheels")], "no_index": True})
    )
    (tmp_path / "spec.yaml").write_text("name: science\npip: [first]\n")
    build = ("build", "spec.yaml", "--site", "site.json", "--publish")
    out, err = run(*build)
    published, archive, _, shared = out.splitlines()
    assert published == "Published: science, version 1"
    assert archive.startswith(f"Archive: file://{root}/")
    assert shared == "Shared with: nobody"
    assert "pack: " in err
    assert "publish: " in err
    before = sorted(root.rglob("*"))
    out, err = run(*build)
    assert out.startswith("Published: science, version 1\n")
    assert "pack: " not in err
    assert sorted(root.rglob("*")) == before

    wheel(tmp_path / "wheels", "first", "2.0")
    (document,) = [json.loads(run(*build, "--json")[0])]
    assert document["current"] == 2
    header, row = run("ls")[0].splitlines()
    assert header.split()[:4] == ["NAME", "VERSION", "PYTHON", "KERNEL"]
    assert row.split()[:2] == ["science", "2"]
    assert row.endswith("nobody")
    shown = run("show", "science")[0].splitlines()
    assert "Version: 2 (current); others: 1" in shown
    assert "Kernel: no, because the environment has no ipykernel" in shown
    assert shown[-2:] == ["Packages: 1", "  first 2.0"]
    assert run("show", "science", "--version", "1")[0].splitlines()[-1] == "  first 1.0"
    assert run("show", "science", "--version", "1", "--lock")[0].startswith("first==1.0 \\\n")
    assert run("diff", "science")[0].splitlines()[:2] == [
        "Version 1 -> 2 of science",
        "~ first 1.0 -> 2.0",
    ]
    changed = json.loads(run("diff", "science", "2", "1", "--json")[0])
    assert changed["changed"] == {"first": ["2.0", "1.0"]}

    assert run("rollback", "science")[0] == "The current version of science is 1\n"
    assert "no version before 1" in refused("rollback", "science")
    assert run("rm", "science", "--version", "2", "--force")[0] == "Deleted version 2 of science\n"
    assert run("rm", "science", "--force")[0] == "Deleted science\n"
    assert list(root.iterdir()) == []


def test_an_archive_of_another_tool(
    run: Run, refused: Callable[..., str], root: Path, tmp_path: Path
) -> None:
    archive = packed(tmp_path, "numpy-2.1", "ipykernel-6.29.5")
    assert run("import", str(archive), "--name", "packed")[0].startswith("Published: packed, ver")
    (document,) = json.loads(run("ls", "--json")[0])
    (version,) = document["versions"]
    assert version["packages"] == {"numpy": "2.1", "ipykernel": "6.29.5"}
    assert version["origin"] == "IMPORT"
    assert version["kernel"] is True
    assert "was imported, and has no lock" in refused("show", "packed", "--lock")
    assert "must be the name of an environment" in refused("import", str(archive), "--name", "A")


def test_old_versions_are_deleted(run: Run, tmp_path: Path) -> None:
    for version in ("1", "2", "3", "4"):
        run("import", str(packed(tmp_path, f"first-{version}")), "--name", "packed")
    assert run("rm", "packed", "--keep", "4")[0] == "There was nothing to delete.\n"
    run("rollback", "packed", "1")
    assert run("rm", "packed", "--keep", "1", "--force")[0].splitlines() == [
        "Deleted version 2 of packed",
        "Deleted version 3 of packed",
    ]
    (document,) = [json.loads(run("show", "packed", "--json")[0])]
    assert [each["number"] for each in document["versions"]] == [1, 4]


def test_sharing_needs_hdfs_except_with_everyone(
    run: Run, refused: Callable[..., str], tmp_path: Path
) -> None:
    run("import", str(packed(tmp_path)), "--name", "packed")
    assert run("share", "packed")[0] == "packed is shared with: nobody\n"
    assert "supported in HDFS only" in refused("share", "packed", "--user", "bob")
    assert run("share", "packed", "--everyone")[0] == "packed is shared with: everyone\n"
    assert run("ls")[0].splitlines()[1].endswith("everyone")
    assert "packed is shared: withdraw it first" in refused("rm", "packed")
    assert run("share", "packed", "--everyone", "--remove")[0].endswith("nobody\n")
    run("share", "packed", "--everyone")
    assert run("share", "packed", "--nobody")[0] == "packed is shared with: nobody\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["show", "missing"], "has no environment missing in "),
        (["show", "alice/missing"], "there is no environment alice/missing in "),
        (["rm", "missing"], "has no environment missing"),
        (["rollback", "missing", "1"], "has no environment missing"),
        (["share", "missing", "--nobody"], "has no environment missing"),
        (["share", "x", "--nobody", "--everyone"], "--nobody cannot be combined with --user"),
        (["share", "x", "--remove"], "--remove needs --user, --group or --everyone"),
        (["diff", "packed"], "packed has no version before 1"),
        (["diff", "packed", "7"], "packed has no usable version 7, only 1"),
        (["import", "missing.tar.gz", "--name", "x"], "missing.tar.gz"),
        (["build", "spec.yaml"], "write either --output FILE or --publish"),
        (["build", "x", "--output", "y.tar.gz", "--publish"], "write either --output FILE or"),
        (["ls", "--root", "relative"], "--root relative: expected the path or the URL"),
    ],
)
def test_an_error_is_told_in_words(
    arguments: list[str],
    said: str,
    run: Run,
    refused: Callable[..., str],
    tmp_path: Path,
) -> None:
    run("import", str(packed(tmp_path)), "--name", "packed")
    message = refused(*arguments)
    assert message.startswith("Error: ")
    assert said in message


def test_limits_of_the_site(run: Run, refused: Callable[..., str], tmp_path: Path) -> None:
    for name in ("one", "two"):
        run("import", str(packed(tmp_path)), "--name", name)
    message = refused("import", str(packed(tmp_path)), "--name", "three")
    assert "has 2 environments, and the site allows 2: delete one with `yarnhub env rm" in message


def test_folders_that_cannot_be_used_are_told(run: Run, root: Path, tmp_path: Path) -> None:
    run("import", str(packed(tmp_path)), "--name", "packed")
    (root / ("0" * 16)).mkdir()
    out, err = run("ls")
    assert out.splitlines()[1].startswith("packed ")
    assert "cannot be used: file:" in err
    assert "environment.json is missing" in err
    document = json.loads(run("ls", "--json")[0])
    assert document[1]["problems"][0].endswith("environment.json is missing")
    assert run("rm", "0" * 16)[0] == f"Deleted {'0' * 16}\n"


@pytest.mark.parametrize(("key", "value"), [("max-per-user", "many"), ("max-size-per-user", "-1")])
def test_limits_that_are_none(
    key: str, value: str, refused: Callable[..., str], tmp_path: Path
) -> None:
    site = (tmp_path / "conf" / "core-site.xml").read_text()
    added = f"<property><name>yarnhub.environments.{key}</name><value>{value}</value></property>"
    wrong = site.replace("</configuration>", f"{added}</configuration>")
    (tmp_path / "conf" / "core-site.xml").write_text(wrong)
    assert f"yarnhub.environments.{key}" in refused("ls")


def test_folders_that_were_not_read_are_told(
    run: Run, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HADOOP_USER_NAME", "somebody-else")
    root.mkdir()
    for number in range(203):
        folder = root / f"{number:016x}"
        folder.mkdir()
        folder.chmod(0o755)
    owner = root.owner()
    assert (
        f"Warning: environments of {owner} are missing from this list (3), because reading all "
        f"takes too long: show one with `yarnhub env show {owner}/NAME`"
    ) in run("ls")[1]
    assert json.loads(run("ls", "--json")[0])[-1] == {"owner": owner, "unread": 3}


def test_the_terminal_is_safe_from_names_of_others(run: Run, root: Path, tmp_path: Path) -> None:
    run("import", str(packed(tmp_path)), "--name", "packed")
    (record,) = root.glob("*/environment.json")
    record.write_text('{"schema": 1, "name": "\x1b[31m"}')
    out, err = run("ls")
    assert "\x1b" not in out + err
    assert os.sep in err
