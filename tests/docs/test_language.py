"""Phrases that CONTRIBUTING.md says to avoid do not come back in what users read."""

from __future__ import annotations

import argparse
import ast
import re
from typing import TYPE_CHECKING

import pytest

from docs.blocks import PAGES, PROJECT
from skein.cli import parser as skein_parser
from yarnhub.cli.main import parser as yarnhub_parser
from yarnhub.integrations.jupyterhub.spawner import YarnSpawner

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

AVOIDED = (
    r"whoever|whomever",
    r"nobody (?:says|can say|knows|answers|reads)|somebody says",
    r"of one's own",
    r"(?:it|what) is there(?! (?:is|are)\b)",
    r"is there already",
    r"YARN says|says YARN|the hub knows|the hub says",
    r"does not say|gives no answer",
    r"who (?:may|has to) (?:do|call|run|see)\b",
    r"mend(?:s|ed|ing)?",
    r"anew",
    r"beside",
    r"in (?:the )?place of",
    r"for want of",
    r"shall",
    r"takes? it for",
    r"each \d+(?:\.\d+)? ?(?:s|ms|seconds?)",
    r"cannot be asked|may run on(?=:)|once more",
    r"(?:has|have) been told|(?:is|was|are|were) told|turned away",
    r"as (?:it|he|she|they) likes?",
    r"goes on(?: to| with)?",
    r"stands? by",
    r"had better|be had",
    r"lets? .{1,20} through",
)
SOURCES = [
    *(each for each in (PROJECT / "src" / "yarnhub").iterdir() if each.is_dir()),
    PROJECT / "src" / "skein",
    PROJECT / "src" / "yarnspawner",
]
PATTERN = re.compile(rf"\b(?:{'|'.join(AVOIDED)})\b", re.IGNORECASE)
CODE = re.compile(r"<!--.*?-->|^```.*?^```|`[^`]*`", re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_a_page_is_in_plain_english(page: Path) -> None:
    text = page.read_text("utf-8")
    if page.name == "CONTRIBUTING.md":
        text = text.partition("## Language")[0]
    assert found(text) == []


@pytest.mark.parametrize("root", [skein_parser, yarnhub_parser])
def test_the_help_of_commands_is_in_plain_english(root: object) -> None:
    assert callable(root)
    assert [match for each in parsers(root()) for match in found(each.format_help())] == []


def test_the_settings_of_the_spawner_are_described_in_plain_english() -> None:
    own = [each for each in YarnSpawner.__mro__ if each.__module__.startswith("yarnhub.")]
    helps = [trait.help for each in own for trait in each.class_own_traits(config=True).values()]
    assert len(helps) > 20
    assert [match for text in helps for match in found(text)] == []


def test_the_pages_of_the_hub_are_in_plain_english() -> None:
    pages = [*(PROJECT / "src" / "yarnhub" / "integrations").rglob("*.html")]
    assert pages
    assert [match for each in pages for match in found(each.read_text("utf-8"))] == []


@pytest.mark.parametrize("words", ["client/explain/words.py", "integrations/jupyterhub/words.py"])
def test_sentences_are_in_plain_english(words: str) -> None:
    module = ast.parse((PROJECT / "src" / "yarnhub" / words).read_text("utf-8"))
    docstrings = {id(each.value) for each in ast.walk(module) if isinstance(each, ast.Expr)}
    texts = [
        each.value
        for each in ast.walk(module)
        if isinstance(each, ast.Constant)
        and isinstance(each.value, str)
        and id(each) not in docstrings
    ]
    assert len(texts) > 10
    assert [match for text in texts for match in found(text)] == []


@pytest.mark.parametrize("package", sorted(SOURCES), ids=lambda each: each.name)
def test_the_source_is_in_plain_english(package: Path) -> None:
    texts = [text for module in package.rglob("*.py") for text in source_texts(module)]
    # `mend` is a field of the doctor's findings.
    assert {match for text in texts for match in found(text)} <= {"mend"}


def source_texts(module: Path) -> Iterator[str]:
    """The docstrings, comments and messages of a module; comments of several lines in one."""
    source = module.read_text("utf-8")
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            yield node.value
    comments = ["" if line[:2] != "# " else line[2:] for line in map(str.strip, source.split("\n"))]
    yield from filter(None, " ".join(each or "\0" for each in comments).split("\0"))


def test_a_phrase_is_found() -> None:
    assert found("Whoever reads it;\nand `whoever` in code.") == ["Whoever"]


def found(text: str) -> list[str]:
    """The phrases to avoid in a text, code left out."""
    return PATTERN.findall(" ".join(CODE.sub(" ", text).split()))


def parsers(root: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """A parser, and those of its commands."""
    yield root
    for action in root._actions:
        if isinstance(action, argparse._SubParsersAction):
            for child in action.choices.values():
                yield from parsers(child)
