"""What an application costs that has run for long: `.venv/bin/python benchmarks/growth.py`.

The core alone, without a cluster. A service whose container has failed and was replaced 10, 100,
1000 and 10 000 times: microseconds of one key's put with its record, of a container's end with its
replacement, of the list of active containers; and bytes of the snapshot that a journal begins with.

Prints medians. Flat is good: before instances that have ended were folded into counts, a put took
45 us at 10 and 6500 us at 5000.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests"))

from appmaster.core.scenario import Scenario, application, service  # noqa: E402
from yarnhub.control import json  # noqa: E402
from yarnhub.control.messages import GetContainers, PutKey  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable

ENDED = (10, 100, 1000, 10_000)
REPETITIONS = 500


def main() -> None:
    """Measure and print."""
    argparse.ArgumentParser(description=__doc__.partition("\n")[0]).parse_args()
    print(f"{'ended':>8} {'put, us':>10} {'end, us':>10} {'list, us':>10} {'snapshot, kB':>14}")
    for ended in ENDED:
        play = aged(ended)
        size = len(json.dump(play.application.snapshot())) / 1000
        figures = [
            median(lambda play=play: play.request(PutKey(key="k", value=b"v" * 100))),
            median(lambda play=play: fail(play)),
            median(lambda play=play: play.request(GetContainers())),
        ]
        print(
            f"{ended:>8} {figures[0]:>10.0f} {figures[1]:>10.0f} {figures[2]:>10.0f} {size:>14.1f}"
        )


def aged(ends: int) -> Scenario:
    """An application that has seen so many ends."""
    play = Scenario(application(worker=service(max_restarts=-1)))
    play.start()
    for _ in range(ends):
        fail(play)
    return play


def fail(play: Scenario) -> None:
    """A container comes, and fails."""
    (given,) = play.allocate("worker")
    play.complete(given, 1)
    play.history.clear()


def median(work: Callable[[], object]) -> float:
    """Microseconds of one run."""
    found = []
    for _ in range(REPETITIONS):
        began = time.perf_counter()
        work()
        found.append((time.perf_counter() - began) * 1e6)
    return statistics.median(found)


if __name__ == "__main__":
    main()
