"""The page on security has every limit of an application, with its values."""

from __future__ import annotations

import re
from dataclasses import fields

from docs.blocks import PROJECT
from yarnhub.appmaster.core.budgets import KIB, MIB, Budgets
from yarnhub.sessions.unmanaged_holder import BUDGETS

PAGE = (PROJECT / "docs" / "reference" / "security.md").read_text("utf-8")


def test_every_limit_has_its_row() -> None:
    rows = re.findall(r"^\| `(\w+)` \| [^|]+ \| ([^|]+) \| ([^|]+) \|$", PAGE, re.MULTILINE)
    own = Budgets()
    assert rows == [
        (each.name, shown(getattr(own, each.name)), shown(getattr(BUDGETS, each.name)))
        for each in fields(Budgets)
    ]


def shown(limit: object) -> str:
    """A limit as the page writes it."""
    match limit:
        case frozenset():
            return ", ".join(f"`{name}`" for name in sorted(limit))
        case int() if limit and limit % KIB == 0:
            return f"{limit // MIB} MiB" if limit % MIB == 0 else f"{limit // KIB} KiB"
        case int():
            return f"{limit:,}".replace(",", " ") if limit >= 10_000 else str(limit)
        case _:
            return "unlimited"
