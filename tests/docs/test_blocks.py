"""No example is left out, and every specification is one."""

from __future__ import annotations

import re

import pytest
import yaml

from docs.blocks import PAGES, PROJECT, RUN, SHOWN, Block, blocks, has_function
from yarnhub.spec import ApplicationSpec

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
    spec = ApplicationSpec.from_dict(yaml.safe_load(block.text))
    assert ApplicationSpec.from_dict(spec.to_dict()) == spec


@pytest.mark.parametrize("block", [one for one in BLOCKS if one.language == "python"], ids=str)
def test_every_program_is_python(block: Block) -> None:
    compile(block.text, str(block), "exec")
