"""The main comparison with skein 0.8.2.

`.venv/bin/uv run --with matplotlib python benchmarks/comparison.py`

Runs `submit.py`, `unmanaged.py` and `kv.py` one after the other, each on a cluster of its own, and
writes `comparison.json` beside this file, the chart into `docs/images` and the table into
`docs/explanation/performance.md`. `--parts` measures some anew and keeps what is known of the
others; with none, it only draws. The machine should have nothing else to do.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import kv
import submit

import unmanaged

if TYPE_CHECKING:
    from submit import Contender

HERE = Path(__file__).resolve().parent
KNOWN = HERE / "comparison.json"
IMAGES = HERE.parent / "docs/images"
PAGE = HERE.parent / "docs/explanation/performance.md"
BEGIN, END = "<!-- figures: benchmarks/comparison.py -->\n", "<!-- end of figures -->"
PARTS = {
    "submit": submit.run,
    "unmanaged": lambda rounds: unmanaged.run(rounds, None),
    "kv": lambda rounds: kv.run(rounds, 2.0),
}
CHART = {
    "submit: submit to script, warm, s": "Submit to first line of script,\nmanaged",
    "unmanaged: submit to script, warm, s": "Submit to first line of script,\nunmanaged",
    "submit: command line, cold, s": "skein application submit,\nfrom start to end",
    "submit: AM memory, MiB": "Memory of the\nApplicationMaster",
    "kv: put to event, median, ms": "Put of a key to its event\nin another client",
    "kv: 1 client, operations/s": "Key-value operations a second,\n1 client",
    "kv: 16 clients, operations/s": "Key-value operations a second,\n16 clients",
}
"""What the chart shows, and how it is called there."""
OURS, THEIRS = "#1f6f8b", "#b9bec4"


@dataclass(frozen=True)
class Row:
    """One line of the table: medians, with the lowest and highest round."""

    what: str
    skein: tuple[float, float, float] | None
    yarnhub: tuple[float, float, float]

    @property
    def ratio(self) -> float | None:
        """Our share of skein's."""
        return self.yarnhub[0] / self.skein[0] if self.skein else None


def main() -> None:
    """Measure, write, draw."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--parts", nargs="*", choices=PARTS, default=list(PARTS))
    arguments = parser.parse_args()
    for part in arguments.parts:
        before = os.getloadavg()[0]
        contenders = asyncio.run(PARTS[part](arguments.rounds))
        submit.report(contenders)
        known = json.loads(KNOWN.read_text()) if KNOWN.exists() else {}
        measured = {"rounds": arguments.rounds, "load before": round(before, 1)}
        measured["rows"] = [asdict(row) for row in rows(part, contenders)]
        KNOWN.write_text(json.dumps({**known, part: measured}, indent=1) + "\n")
    known = json.loads(KNOWN.read_text())
    found = [Row(**row) for part in PARTS if part in known for row in known[part]["rows"]]
    write_table(found)
    draw([row for name in CHART for row in found if row.what == name])


def rows(part: str, contenders: list[Contender]) -> list[Row]:
    """What was measured."""
    peer, ours = (each.figures for each in contenders)
    return [
        Row(f"{part}: {what}", summary(peer[what]) if what in peer else None, summary(mine))
        for what, mine in ours.items()
    ]


def summary(values: list[float]) -> tuple[float, float, float]:
    """Median, lowest and highest."""
    return tuple(float(f"{f(values):.4g}") for f in (statistics.median, min, max))


def shown(values: tuple[float, float, float] | None) -> str:
    """Median and range, for people."""
    if values is None:
        return ""
    median, low, high = (f"{each:,.0f}" if each >= 100 else f"{each:.3g}" for each in values)
    return median if low == high else f"{median} ({low}-{high})"


def write_table(found: list[Row]) -> None:
    """Put the table where the page has its marks."""
    lines = ["| | skein 0.8.2 | yarnhub | yarnhub / skein |", "|---|---|---|---|"]
    for row in found:
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        lines.append(f"| {row.what} | {shown(row.skein)} | {shown(row.yarnhub)} | {ratio} |")
    head, _, rest = PAGE.read_text().partition(BEGIN)
    _, _, tail = rest.partition(END)
    PAGE.write_text(head + BEGIN + "\n" + "\n".join(lines) + "\n\n" + END + tail)


def draw(found: list[Row]) -> None:
    """Draw what the two take or do, skein's being one."""
    import matplotlib as mpl

    mpl.use("Agg")
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "yarnhub", "font.size": 10})
    from matplotlib import pyplot as plt

    less = [row for row in found if not row.what.endswith("/s")]
    more = [row for row in found if row.what.endswith("/s")]
    figure, panels = plt.subplots(
        2, 1, figsize=(8, 6.4), height_ratios=[len(less), len(more)], layout="constrained"
    )
    figure.suptitle("yarnhub beside skein 0.8.2 (= 1)", weight="bold")
    for panel, some, title in (
        (panels[0], less, "less is better"),
        (panels[1], more, "more is better"),
    ):
        panel.set_title(title, loc="left", fontsize=10, color="#555555")
        for place, row in enumerate(some):
            for offset, values, color, width in (
                (-0.19, row.skein, THEIRS, 1.0),
                (0.19, row.yarnhub, OURS, row.ratio),
            ):
                panel.barh(place + offset, width, height=0.36, color=color)
                text = with_unit(values[0], row.what)
                if color == OURS:
                    text += f"   ({row.ratio:.2f} x)"
                panel.text(width, place + offset, f" {text}", va="center", fontsize=9)
        panel.set_yticks(range(len(some)), [CHART[row.what] for row in some])
        panel.set_xlim(0, 1.35 * max(1.0, *(row.ratio for row in some)))
        panel.invert_yaxis()
        panel.spines[["top", "right"]].set_visible(False)
    handles = [plt.Rectangle((0, 0), 1, 1, color=each) for each in (THEIRS, OURS)]
    figure.legend(handles, ["skein 0.8.2", "yarnhub"], loc="outside lower right", ncols=2)
    figure.savefig(IMAGES / "comparison.svg", metadata={"Date": None})
    figure.savefig(IMAGES / "comparison.png", dpi=110)


def with_unit(value: float, what: str) -> str:
    """A figure with the unit that its name ends with."""
    unit = "/s" if what.endswith("/s") else " " + what.rpartition(", ")[2]
    return (f"{value:,.0f}" if value >= 100 else f"{value:.2g}") + unit


if __name__ == "__main__":
    main()
