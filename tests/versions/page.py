"""The page on compatibility, from what the walks have found and from what is locked."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from versions.kinds import KINDS

if TYPE_CHECKING:
    from collections.abc import Mapping

RESULTS = Path(__file__).parent / "results.json"
PROJECT = Path(__file__).parents[2]
PAGE = PROJECT / "docs" / "reference" / "compatibility.md"
BEGIN, END = "<!-- made by ./test versions: begin -->\n", "<!-- end -->\n"
SOFTWARE = "<!-- made of pyproject.toml and uv.lock: begin -->\n"
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
    """The page with the table of these results, and that of the software."""
    return replaced(replaced(page, BEGIN, table(results)), SOFTWARE, software())


def replaced(page: str, begin: str, text: str) -> str:
    """The page with this text between its marks; as it is without them, but for the text."""
    before, _, rest = page.partition(begin)
    return f"{before}{begin}\n{text}\n{END}{rest.partition(END)[2]}"


def software() -> str:
    """What versions of Python and of its packages are required, and which the tests use."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["project"]
    lock = tomllib.loads((PROJECT / "uv.lock").read_text("utf-8"))
    locked = {each["name"]: each.get("version", "") for each in lock["package"]}
    rows = [f"| Python | {project['requires-python']} | the version that runs `./test` | |"]
    required = {"": project["dependencies"], **project["optional-dependencies"]}
    for extra, requirements in required.items():
        for each in requirements:
            name, comparison, version = each.partition(">=")
            package = name.partition("[")[0]
            needs = f"`yarnhub[{extra}]`" if extra else "every installation"
            tested = locked[package.lower()]
            rows.append(f"| {package} | {comparison}{version} | {tested} | {needs} |")
    return "\n".join(
        ["| Software | Required | Tested | Needed by |", "|---|---|---|---|", *rows, ""]
    )


def table(results: Results) -> str:
    """All kinds and columns, and below it why something is not possible."""
    reasons: list[str] = []
    lines = [f"| Cluster | {' | '.join(COLUMNS)} |", f"|---|{'---|' * len(COLUMNS)}"]
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
