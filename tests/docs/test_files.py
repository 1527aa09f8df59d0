"""The files of the code that pages name exist."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from docs.blocks import PAGES, PROJECT

if TYPE_CHECKING:
    from pathlib import Path

FOLDERS = [PROJECT, PROJECT / "src", PROJECT / "src" / "yarnhub"]
NAMED = re.compile(r"`((?:[\w.]+/)+\w+\.py)(?:::\w+)?`")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_a_file_that_a_page_names_exists(page: Path) -> None:
    named = set(NAMED.findall(page.read_text("utf-8"))) - {"tests/x.py"}
    assert [name for name in named if not any((each / name).is_file() for each in FOLDERS)] == []
