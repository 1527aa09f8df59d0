"""What the page claims to survive, a test that exists shows."""

from __future__ import annotations

import re

from docs.blocks import PROJECT, has_function

PAGE = (PROJECT / "docs" / "explanation" / "fault-tolerance.md").read_text("utf-8")


def test_every_claim_has_a_test() -> None:
    tests = {
        number: (file, name)
        for number, file, name in re.findall(r"^(\d+)\. `(\S+)::(\w+)`$", PAGE, re.MULTILINE)
    }
    rows = re.findall(r"^\| (?!What fails|---).* \| ((?:\[\d+\] ?)+)\|$", PAGE, re.MULTILINE)
    assert len(rows) == PAGE.split("## What does not survive")[0].count("\n| ") - 1
    assert set(re.findall(r"\[(\d+)\]", PAGE)) == set(tests)
    assert [each for each in tests.values() if not has_function(*each)] == []
