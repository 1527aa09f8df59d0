"""Documents at random to everything that reads what others wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING

from faults.conftest import ROUNDS
from fuzz.parsers import parsers, strike

if TYPE_CHECKING:
    import random
    from pathlib import Path


def test_any_document_is_read_or_refused(tmp_path: Path, moments: random.Random) -> None:
    for name, parser in parsers(tmp_path).items():
        strike(name, parser, moments, 100 * ROUNDS)
