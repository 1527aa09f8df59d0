"""No example is left out, and every specification is one."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import yaml

from docs.blocks import PAGES, PROJECT, RUN, SHOWN, Block, blocks, has_function
from yarnhub.environments.local_build.site import BuildSite
from yarnhub.environments.specification import EnvironmentSpec
from yarnhub.spec import ApplicationSpec

if TYPE_CHECKING:
    from pathlib import Path

    from yarnhub.spec._reading import Element

OTHERS: dict[str, type[Element]] = {
    "pip": EnvironmentSpec,
    "conda": EnvironmentSpec,
    "index_url": BuildSite,
}
"""Documents that are not applications, by a key that they have."""
BLOCKS = [block for page in PAGES for block in blocks(page)]


def test_there_are_examples() -> None:
    assert {block.language for block in BLOCKS} >= set(RUN)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_every_block_is_found(page: object) -> None:
    # One of another form, indented for instance, would be run by nobody.
    (page,) = [each for each in PAGES if each == page]
    fences = re.findall(r"^\s*(?:```+|~~~+)(?!\{|$).*", page.read_text("utf-8"), re.MULTILINE)
    assert len(fences) == sum(bool(block.language) for block in blocks(page))


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_every_language_is_known(block: Block) -> None:
    assert block.language in (*RUN, *SHOWN)


@pytest.mark.parametrize("block", [one for one in BLOCKS if one.remark], ids=str)
def test_who_runs_it_exists_or_there_is_a_reason(block: Block) -> None:
    if reason := re.fullmatch(r"not run: (.{10,})", block.remark):
        assert reason[1]
        return
    runner = re.fullmatch(r"run by (\S+\.py)::(\w+)", block.remark)
    assert runner, f"{block}: {block.remark!r} is no remark that is known"
    assert has_function(runner[1], runner[2])


@pytest.mark.parametrize("block", [one for one in BLOCKS if one.language == "yaml"], ids=str)
def test_every_specification_is_valid(block: Block) -> None:
    if block.remark.startswith("not run"):
        pytest.fail(f"{block}: a specification needs nothing to be read")
    document = yaml.safe_load(block.text)
    kind = next((kind for key, kind in OTHERS.items() if key in document), ApplicationSpec)
    spec = kind.from_dict(document)
    assert kind.from_dict(spec.to_dict()) == spec


@pytest.mark.parametrize("block", [one for one in BLOCKS if one.language == "python"], ids=str)
def test_every_program_is_python(block: Block) -> None:
    compile(block.text, str(block), "exec")


def test_every_program_that_runs_by_itself_has_all_that_it_names(tmp_path: Path) -> None:
    for number, block in enumerate(BLOCKS):
        if block.runs and block.language == "python" and not block.file:
            page = block.page.stem
            (tmp_path / f"{number}-{page}-{block.line}.py").write_text(block.text, "utf-8")
    ruff = [str(PROJECT / ".venv/bin/ruff"), "check", "--isolated", "--select", "F821"]
    checked = subprocess.run([*ruff, str(tmp_path)], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout


MEASUREMENTS = [
    line.removeprefix("$ ").partition(" #")[0].strip()
    for block in BLOCKS
    for line in block.text.splitlines()
    if line.startswith("$ ") and " benchmarks/" in line
]


@pytest.mark.parametrize("command", MEASUREMENTS)
def test_a_measurement_starts_as_its_command_is_written(command: str) -> None:
    # All that `./test` installs, uv included, is in .venv.
    program, *words = shlex.split(command)
    script = next(word for word in words if word.startswith("benchmarks/"))
    assert program.startswith(".venv/bin/")
    assert (PROJECT / program).exists()
    file = PROJECT / script
    text = (file / "__main__.py" if file.is_dir() else file).read_text("utf-8")
    assert f"{command.partition(script)[0]}{script}" in text
    usage = [sys.executable, script, "--help"]
    subprocess.run(usage, cwd=PROJECT, check=True, capture_output=True, timeout=60)


def test_just_finds_what_its_recipes_call() -> None:
    just = [str(PROJECT / ".venv/bin/just"), "--evaluate", "PATH"]
    path = subprocess.run(just, cwd=PROJECT, check=True, capture_output=True, text=True).stdout
    assert shutil.which("uv", path=path) == str(PROJECT / ".venv/bin/uv")
