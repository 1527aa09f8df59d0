"""What others wrote is read, or refused in words, in bounded time and memory.

The seed is fixed here; `./test faults` does the same with a random one.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from fuzz.parsers import parsers, strike

SEED = 20261128
COUNT = 500


@pytest.mark.parametrize("name", parsers(Path()))
def test_any_document(name: str, tmp_path: Path) -> None:
    strike(name, parsers(tmp_path)[name], random.Random(f"{SEED} {name}"), COUNT)
