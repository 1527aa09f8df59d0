"""The walk of a start, in the page on the hub, through the modules that exist."""

from __future__ import annotations

import re

from docs.blocks import PROJECT

SRC = PROJECT / "src" / "yarnhub"
PAGE = (
    (PROJECT / "docs" / "explanation" / "hub.md").read_text("utf-8").partition("## In the code")[2]
)
ROWS = re.findall(r"^\| [^|]+ \| ([^|]*)\| ([^|]*)\|$", PAGE, re.MULTILINE)
NAME = re.compile(r"`([\w.]+)`")


def test_each_module_is_named_once() -> None:
    hub = [name for row in ROWS for name in NAME.findall(row[0])]
    rest = NAME.findall(PAGE.rpartition("|")[2].replace("`internal_ssl`", ""))
    assert sorted([*hub, *rest]) == modules("integrations/jupyterhub")


def test_each_module_of_sessions_is_named_once() -> None:
    named = [name for row in ROWS for name in NAME.findall(row[1])]
    assert sorted([*named, "orphans"]) == modules("sessions")


def modules(folder: str) -> list[str]:
    """The modules below a folder, by name."""
    found = (
        each.relative_to(SRC / folder).with_suffix("") for each in (SRC / folder).rglob("*.py")
    )
    return sorted(".".join(each.parts) for each in found if each.name != "__init__")
