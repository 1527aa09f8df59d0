"""The page on kernelspecs describes what the code reads."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import MISSING, fields
from typing import TYPE_CHECKING, Any

import pytest
from jupyter_core import paths

from docs.blocks import PROJECT, blocks
from integrations.spark.example import SPARK
from yarnhub.cli import kernelspec_spark
from yarnhub.cli.main import main
from yarnhub.kernels.bounds import VARIABLES
from yarnhub.kernels.kernelspec import KernelspecConfig, read
from yarnhub.kernels.kernelspec_file import parse
from yarnhub.kernels.spark import SparkConfig

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from yarnhub.integrations.spark.published import PublishedSpark

PAGE = PROJECT / "docs" / "reference" / "kernelspecs.md"
REQUIRED = {"version": "4", "libs": "libs", "python": [], "archive": "", "python_urls": []}
MIGRATION = PROJECT / "docs" / "howto" / "migrate-from-enterprise-gateway.md"


def rows(title: str) -> list[list[str]]:
    """The cells of the table in a section, without backticks."""
    section = PAGE.read_text("utf-8").partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")][2:]
    return [[cell.strip().strip("`") for cell in line.strip("|").split(" | ")] for line in lines]


def test_every_key_is_described() -> None:
    assert [row[0] for row in rows("Keys of `config`")] == list(KernelspecConfig.checks)


@pytest.mark.parametrize("row", rows("Keys of `config`"), ids=lambda row: row[0])
def test_a_key_has_its_default_and_a_valid_example(row: list[str]) -> None:
    key, _, default, example, meaning = row
    (field,) = [each for each in fields(KernelspecConfig) if each.name == key]
    own = field.default if field.default_factory is MISSING else field.default_factory()
    written = None if default == "none" else json.loads(default)
    assert getattr(read({key: written}), key) == (tuple(own) if isinstance(own, list) else own)
    other = read({key: json.loads(example)})
    assert getattr(other, key) != own
    assert meaning.endswith(".")


def test_every_variable_is_described() -> None:
    found = rows("What a request can change")
    assert {row[0]: row[1] for row in found} == {
        name: variable.changes for name, variable in VARIABLES.items()
    }
    for name, _, _, example in found:
        bound = json.loads(example)
        read({"limits": {name: bound}})


@pytest.mark.parametrize("value", [row[0] for row in rows("Environment")])
def test_the_environments_are_valid(value: str) -> None:
    assert read({"environment": json.loads(value)}).environment is not None


def test_the_documents_are_valid() -> None:
    whole, part = (json.loads(block.text) for block in blocks(PAGE) if block.language == "json")
    assert parse("science", whole).config.limits["KERNEL_QUEUE"] == ("default", "research")
    assert read(part).shared_folders == {"/home/jovyan/hdfs": "/mnt/hdfs/user"}


def test_keys_of_spark_have_their_defaults() -> None:
    names = [row[0] for row in rows("Spark")]
    assert names == [
        "settings", "language", "java_home", "connect", "connect_ports", "connect_idle"
    ]  # fmt: skip
    for name, _, default, meaning in rows("Spark"):
        (field,) = [each for each in fields(SparkConfig) if each.name == name]
        given = {name: json.loads(default)}
        config = read({"spark": {**REQUIRED, **given}}).spark
        own = field.default if field.default_factory is MISSING else field.default_factory()
        assert getattr(config, name) == own
        assert meaning.endswith(".")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, and Jupyter's."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("JUPYTER_PATH", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(paths, "SYSTEM_JUPYTER_PATH", [str(tmp_path / "host")])
    monkeypatch.setattr(paths, "ENV_JUPYTER_PATH", [str(tmp_path / "env")])
    return tmp_path


def run(page: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[str]:
    """Run the commands of a page; yields each when it has printed what the page says."""
    (block,) = [each for each in blocks(page) if each.language == "console"]
    for step in re.split(r"^\$ ", block.text.replace("\\\n", ""), flags=re.MULTILINE)[1:]:
        command, _, expected = step.partition("\n")
        program, *arguments = shlex.split(command)
        assert (program, main(arguments)) == ("yarnhub", 0)
        pattern = re.escape(expected).replace(re.escape("..."), "(?s:.*?)")
        printed = capsys.readouterr()
        assert re.fullmatch(pattern, printed.out + printed.err)
        yield arguments[1]


def test_the_commands_of_the_page(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command in run(PAGE, capsys):
        if command == "install":
            assert installed(home) == json.loads(blocks(PAGE)[0].text)


def test_a_kernelspec_is_converted(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def published(root: str, version: str) -> PublishedSpark:
        return SPARK

    monkeypatch.setattr(kernelspec_spark, "_published", published)
    options = "--driver-memory 4g --num-executors 2 --conf spark.executor.memory=4g --queue a"
    mode = ["--RemoteProcessProxy.spark-context-initialization-mode", "lazy"]
    (home / "spark_python_yarn_cluster").mkdir()
    (home / "spark_python_yarn_cluster" / "kernel.json").write_text(
        json.dumps(
            {
                "argv": ["run.sh", *mode],
                "display_name": "Spark - Python (YARN Cluster Mode)",
                "language": "python",
                "env": {"SPARK_OPTS": options},
                "metadata": {"process_proxy": {"class_name": "YarnClusterProcessProxy"}},
            }
        )
    )
    assert list(run(MIGRATION, capsys)) == ["convert", "install"]
    config = read(installed(home)["metadata"]["kernel_provisioner"]["config"])
    assert (config.memory, config.queue) == (4505 << 20, "a")
    assert config.spark is not None
    assert config.spark.settings == {
        "spark.driver.memory": "4096m",
        "spark.dynamicAllocation.maxExecutors": "2",
        "spark.executor.memory": "4g",
    }


def installed(folder: Path) -> Any:  # JSON
    return json.loads((folder / "kernels" / "science" / "kernel.json").read_text())
