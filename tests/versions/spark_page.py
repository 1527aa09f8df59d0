"""The table of Spark's versions on the page on compatibility."""

from __future__ import annotations

import json
from pathlib import Path

from versions.page import PAGE, Results, cell, replaced
from versions.spark_kinds import SPARK_KINDS
from versions.spark_walk import LIMITED

RESULTS = Path(__file__).parent / "spark_results.json"
BEGIN = "<!-- made by ./test versions, of Spark: begin -->\n"
COLUMNS = {
    "sessions": ("publish", "session", "second_session", "interrupt", "death"),
    "class data": ("class_data",),
    "new tokens": ("tokens",),
    "scripts": ("batch",),
}
"""What each column is made of."""


def read_spark_results() -> Results:
    """What is kept in the tree."""
    results: Results = json.loads(RESULTS.read_text(encoding="ascii"))
    return results


def write_spark_results(results: Results) -> None:
    """Keep them, and write the page anew."""
    text = json.dumps(results, indent=1, sort_keys=True)
    RESULTS.write_text(f"{text}\n", encoding="ascii")
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(with_spark_table(page, results), encoding="utf-8")


def with_spark_table(page: str, results: Results) -> str:
    """The page with the table of these results."""
    reasons: list[str] = []
    lines = [f"| Spark | Java | {' | '.join(COLUMNS)} |", f"|---|---|{'---|' * len(COLUMNS)}"]
    for kind in SPARK_KINDS.values():
        found = results.get(kind.name, {})
        numbers = []
        if kind.limit is not None:
            if kind.limit.words not in reasons:
                reasons.append(kind.limit.words)
            numbers = [reasons.index(kind.limit.words) + 1]
        cells = [
            cell(found, capabilities if kind.limit is None else LIMITED, numbers)
            for capabilities in COLUMNS.values()
        ]
        lines.append(f"| {kind.version} | {kind.java} | {' | '.join(cells)} |")
    lines += ["", *(f"{number}. {words}" for number, words in enumerate(reasons, 1))]
    return replaced(page, BEGIN, "\n".join(lines).rstrip() + "\n")
