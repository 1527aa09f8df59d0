"""What is in the folders of the hub and of sessions."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

import pytest

from docs.blocks import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SRC = PROJECT / "src" / "yarnhub"
HUB = sorted((SRC / "integrations" / "jupyterhub").glob("*.py"))
SESSIONS = sorted((SRC / "sessions").rglob("*.py"))
HOSTS = re.compile(r"jupyter|tornado|traitlets|YarnSpawner", re.IGNORECASE)
OWN = "yarnhub.integrations.jupyterhub"
THE_FORM = {"options_form"}
"""The HTML of the form that JupyterHub shows; the words of that are in its template."""


@pytest.mark.parametrize("module", HUB, ids=lambda path: path.stem)
def test_what_is_in_the_hubs_folder_is_about_the_hub(module: Path) -> None:
    if module.stem not in {*THE_FORM, "__init__"}:
        assert any(map(HOSTS.search, named(module))), "it belongs into yarnhub.sessions"


@pytest.mark.parametrize("module", SESSIONS, ids=lambda path: path.stem)
def test_sessions_are_of_any_hub(module: Path) -> None:
    on_the_wire = {"api/yarnspawner", "yarnspawner"}
    assert [each for each in named(module) if HOSTS.search(each) and each not in on_the_wire] == []


def named(module: Path) -> Iterator[str]:
    """What a module imports, but from its own folder, and its texts, but for docstrings."""
    tree = ast.parse(module.read_text("utf-8"))
    docstrings = {id(each.value) for each in ast.walk(tree) if isinstance(each, ast.Expr)}
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (each.name for each in names)
            case ast.ImportFrom(module=str(name)) if not name.startswith(OWN):
                yield name
            case ast.Constant(value=str(text)) if id(node) not in docstrings:
                yield text.replace(OWN, "")
