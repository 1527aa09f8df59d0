"""The compatibility page of the documentation, from what the walks have found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from versions.kinds import KINDS

if TYPE_CHECKING:
    from collections.abc import Mapping

RESULTS = Path(__file__).parent / "results.json"
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "compatibility.md"
BEGIN, END = "<!-- made by ./test versions: begin -->\n", "<!-- end -->\n"
OK, LIMIT, FAILED = "ok", "limit", "failed"

COLUMNS = {
    "applications": ("submit", "keys", "explain", "scale", "shutdown", "failure", "kill"),
    "logs": ("live_logs", "logs_after"),
    "unmanaged, for others": ("unmanaged",),
    "unmanaged, one's own": ("unmanaged_own",),
    "JupyterHub": ("server",),
    "JupyterHub, own AM": ("server_alone",),
    "queues": ("choose_queue",),
    "doctor": ("doctor",),
}
"""What each column is made of."""

Results = dict[str, dict[str, str]]
"""By kind and capability: `ok`, `limit` or `failed`."""


def read_results() -> Results:
    """What is kept in the tree."""
    results: Results = json.loads(RESULTS.read_text(encoding="ascii"))
    return results


def write_results(results: Results) -> None:
    """Keep them, and write the page anew."""
    text = json.dumps(results, indent=1, sort_keys=True)
    RESULTS.write_text(f"{text}\n", encoding="ascii")
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8"), results), encoding="utf-8")


def with_table(page: str, results: Results) -> str:
    """The page with the table of these results."""
    before, _, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}\n{table(results)}\n{END}{rest.partition(END)[2]}"


def table(results: Results) -> str:
    """All kinds and columns, and below it why something is not possible."""
    reasons: list[str] = []
    lines = [f"| cluster | {' | '.join(COLUMNS)} |", f"|---|{'---|' * len(COLUMNS)}"]
    for kind in KINDS.values():
        found = results.get(kind.name, {})
        cells = []
        for capabilities in COLUMNS.values():
            words = dict.fromkeys(
                kind.limits[each].words for each in capabilities if found.get(each) == LIMIT
            )
            reasons += [each for each in words if each not in reasons]
            cells.append(cell(found, capabilities, [reasons.index(each) + 1 for each in words]))
        lines.append(f"| {kind.name} | {' | '.join(cells)} |")
    lines += ["", *(f"{number}. {words}" for number, words in enumerate(reasons, 1))]
    return "\n".join(lines).rstrip() + "\n"


def cell(found: Mapping[str, str], capabilities: tuple[str, ...], reasons: list[int]) -> str:
    """One cell: whether all of it works, and where it says why not."""
    said = {found.get(each) for each in capabilities}
    if FAILED in said:
        return "**fails**"
    if None in said:
        return "not walked through yet"
    if LIMIT not in said:
        return "yes"
    word = "no" if said == {LIMIT} else "in part"
    return f"{word} ({', '.join(map(str, reasons))})"
