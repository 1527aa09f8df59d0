"""The key-value store side by side with skein 0.8.2's: `.venv/bin/python benchmarks/kv.py`.

One application of each on one cluster, asked in turn through the same blocking API: operations a
second, half of them puts of 100 bytes and half gets, by one client and by 16, and the time from a
put to the event in another client's queue. Clients are processes, as an application's containers
are: each has its own interpreter and connection, so that it is not Python's lock that is measured.

Prints medians with their ranges, and our share of skein's.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from submit import Contender, installed, report

from yarnhub.cluster import HadoopCluster

HERE = Path(__file__).resolve().parent
CLIENTS = 16


def main() -> None:
    """Start a cluster, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=2.0, help="for each count of operations")
    arguments = parser.parse_args()
    report(asyncio.run(run(arguments.rounds, arguments.seconds)))


async def run(rounds: int, seconds: float) -> list[Contender]:
    """Measure on a cluster of its own."""
    with tempfile.TemporaryDirectory() as scratch:
        async with HadoopCluster() as cluster:
            contenders = installed(Path(scratch), cluster.env)
            await asyncio.to_thread(measure, contenders, rounds, seconds)
    return contenders


@dataclass
class Client:
    """A process of `kv_worker.py`."""

    process: subprocess.Popen[str]

    @classmethod
    def start(cls, contender: Contender) -> Client:
        """One that asks with the contender's package."""
        process = subprocess.Popen(
            [contender.python, HERE / "kv_worker.py"],
            env=contender.env,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        return cls(process)

    def begin(self, *request) -> None:
        """Have it do something."""
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()

    def result(self):
        """What came of it."""
        return json.loads(self.process.stdout.readline())

    def do(self, *request):
        """Have it do something, and wait for it."""
        self.begin(*request)
        return self.result()

    def end(self) -> None:
        """End the process."""
        self.process.stdin.close()
        self.process.wait()


def measure(contenders: list[Contender], rounds: int, seconds: float) -> None:
    """All rounds, the two in turn; the first of each warms up and does not count."""
    clients = {each.name: [Client.start(each) for _ in range(CLIENTS)] for each in contenders}
    for each in clients.values():
        found = each[0].do("submit")
        for client in each:
            client.do("connect", *found)
    for number in range(rounds + 1):
        for each in contenders:
            ask(each, clients[each.name], seconds)
            if number == 0:
                each.figures.clear()
        print(f"round {number} of {rounds}", file=sys.stderr, flush=True)
    for each in clients.values():
        each[0].do("shutdown")
        for client in each:
            client.end()


def ask(contender: Contender, clients: list[Client], seconds: float) -> None:
    """One round of one contender."""
    alone = clients[0]
    contender.note("1 client, operations/s", alone.do("operations", "key", seconds))
    for number, client in enumerate(clients):
        client.begin("operations", f"key{number}", seconds)
    together = sum(client.result() for client in clients)
    contender.note(f"{CLIENTS} clients, operations/s", together)
    found = [1000 * each for each in alone.do("latencies", "seen", 200)]
    contender.note("put to event, median, ms", statistics.median(found))
    contender.note("put to event, 95 %, ms", statistics.quantiles(found, n=20)[-1])


if __name__ == "__main__":
    main()
