"""Walks through the modules, and tables of them: each exists; a walk names none a third time."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from docs.blocks import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EXPLANATION = PROJECT / "docs" / "explanation"
SOURCE = PROJECT / "src"
SERVER = "Starting a user's server, step by step"
_TITLE = re.compile(r"^#+ (.*step by step.*)$", re.MULTILINE)


def walks() -> Iterator[tuple[str, str]]:
    """The title and the text of each."""
    for page in sorted(EXPLANATION.glob("*.md")):
        text = page.read_text("utf-8")
        for found in _TITLE.finditer(text):
            yield found[1], text[found.end() :].partition("\n#")[0]


def modules(walk: str) -> list[str]:
    """The modules that a walk names, in its order: a path, or a name in `appmaster`."""
    named = re.findall(r"`((?:[a-z_]+/)+[a-z_]+|[a-z]+_[a-z_]+)`", walk)
    return [name for name in named if "/" in name or is_module(name)]


def is_module(name: str) -> bool:
    """Whether a name is a module's or package's, by its path below a package of `src`."""
    roots = (SOURCE, SOURCE / "yarnhub", SOURCE / "yarnhub" / "appmaster")
    return any((root / name).is_dir() or (root / f"{name}.py").is_file() for root in roots)


@pytest.mark.parametrize(("title", "walk"), list(walks()))
def test_a_walk_names_modules_and_returns_to_each_at_most_once(title: str, walk: str) -> None:
    named = modules(walk)
    assert len(named) > 5, title
    assert [name for name in named if not is_module(name)] == []
    assert {name: count for name, count in Counter(named).items() if count > 2} == {}


def test_the_main_actions_have_their_walks() -> None:
    page = (EXPLANATION / "architecture.md").read_text("utf-8")
    assert _TITLE.findall(page) == [
        "Submitting an application, step by step",
        SERVER,
        "Restarting the hub, step by step",
        "Starting a kernel, step by step",
        "Setting a key, step by step",
    ]


@pytest.mark.parametrize("package", ["integrations/jupyterhub", "sessions"])
def test_the_walk_of_a_server_names_each_module(package: str) -> None:
    named = {name for name in modules(dict(walks())[SERVER]) if name.startswith(f"{package}/")}
    folder = SOURCE / "yarnhub"
    found = [each for each in (folder / package).rglob("*.py") if each.name != "__init__.py"]
    assert named == {each.relative_to(folder).with_suffix("").as_posix() for each in found}


@pytest.mark.parametrize("package", ["client", "yarn", "filesystem"])
def test_a_table_of_parts_names_each_module_once(package: str) -> None:
    page = (EXPLANATION / "architecture.md").read_text("utf-8")
    table = page.partition(f"### The parts of `{package}`\n")[2].partition("\n#")[0]
    rows = re.findall(r"^\| (`[^|]+) \|", table, re.MULTILINE)
    named = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    folder = SOURCE / "yarnhub" / package
    found = [each.stem for each in folder.iterdir() if each.suffix == ".py" or is_package(each)]
    assert sorted([*named, "__init__"]) == sorted(found)


NAMED = re.compile(r"`(?:src/)?((?:yarnhub/|skein/)?(?:[a-z_]+/)+[a-z_]+\.py)`")
PAGES = [
    PROJECT / "CONTRIBUTING.md",
    *(PROJECT / "docs" / "decisions").glob("*.md"),
    *(PROJECT / "docs" / "howto").glob("*.md"),
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_names_modules_that_exist(page: Path) -> None:
    roots = (SOURCE, SOURCE / "yarnhub", PROJECT)
    named = NAMED.findall(page.read_text("utf-8"))
    assert [name for name in named if not any((root / name).exists() for root in roots)] == []


def is_package(folder: Path) -> bool:
    """Whether a folder is a package."""
    return (folder / "__init__.py").is_file()
