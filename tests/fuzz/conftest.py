from __future__ import annotations

from fuzz.mechanism import EXAMPLES, SEED


def pytest_report_header() -> str:
    """What a failure is tried again with."""
    how = f"YARNHUB_FUZZ_SEED={SEED}" if SEED else "a fixed seed"
    return f"fuzz: {how}, {EXAMPLES} examples for each parser"
