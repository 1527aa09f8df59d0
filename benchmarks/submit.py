"""Submission side by side with skein 0.8.2 on one cluster: `.venv/bin/python benchmarks/submit.py`.

In turn, 7 rounds each: from the submit call to the first line of the user's script (warm), from
the start of the command line to its end (cold), the memory of the ApplicationMaster and of the
client, and the bytes uploaded. Prints medians with their ranges, and our share of skein's.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from yarnhub.cluster import HadoopCluster

if TYPE_CHECKING:
    from collections.abc import Mapping

HERE = Path(__file__).resolve().parent
PEER = ["skein==0.8.2", "protobuf<3.21", "setuptools<80"]
SPEC = """\
name: benchmark
master: {resources: {memory: 512, vcores: 1}}
services:
  benchmark: {resources: {memory: 64, vcores: 1}, script: "%s"}
"""


@dataclass
class Contender:
    """One of the two: its interpreter, its warm client and what was measured."""

    name: str
    python: Path
    marks: tuple[str, ...]
    """What an AM's command line holds, so that it is found among the processes."""
    worker: subprocess.Popen[str] | None = None
    env: dict[str, str] = field(default_factory=dict)
    figures: dict[str, list[float]] = field(default_factory=dict)

    def note(self, what: str, value: float) -> None:
        """Keep one figure."""
        self.figures.setdefault(what, []).append(value)


def main() -> None:
    """Start a cluster, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument(
        "--other",
        type=Path,
        metavar="PYTHON",
        help="of another yarnhub, as of an earlier commit, that takes its turn, too",
    )
    chosen = parser.parse_args()
    report(asyncio.run(run(chosen.rounds, chosen.other)))


async def run(rounds: int, other: Path | None = None) -> list[Contender]:
    """Measure on a cluster of its own."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        async with HadoopCluster() as cluster:
            contenders = installed(folder, cluster.env, other)
            measure(contenders, cluster.web_hdfs_url, folder, rounds)
    return contenders


def install_peer(folder: Path) -> Path:
    """Install skein 0.8.2 in a folder of its own; returns its interpreter."""
    # The peer's Python: 3.12 and later lack the distutils that it imports.
    base = next(p for p in ("/usr/bin/python3.11", sys.executable) if Path(p).exists())
    uv = Path(sys.executable).with_name("uv")
    subprocess.run([uv, "venv", "-q", "--python", base, folder], check=True)
    python = folder / "bin/python"
    subprocess.run([uv, "pip", "install", "-q", "--python", python, *PEER], check=True)
    return python


def installed(
    folder: Path, cluster: Mapping[str, str], other: Path | None = None
) -> list[Contender]:
    """The peer and ours, each with a configuration folder of its own.

    Args:
        folder: For what they need.
        cluster: The variables that lead to the cluster.
        other: The interpreter of another one of ours, if any.
    """
    ours = ("container_tokens", "python")
    contenders = [
        Contender("skein 0.8.2", install_peer(folder / "peer"), ("ApplicationMaster", "java")),
        *([Contender("other yarnhub", other, ours)] if other else []),
        Contender("yarnhub", Path(sys.executable), ours),
    ]
    for each in contenders:
        config = folder / f"config of {each.name}"
        each.env = {**os.environ, **cluster, "SKEIN_CONFIG": str(config)}
        gencerts = [each.python.parent / "skein", "config", "gencerts", "--force"]
        subprocess.run(gencerts, env=each.env, check=True, capture_output=True)
    return contenders


def measure(contenders: list[Contender], hdfs: str, folder: Path, rounds: int) -> None:
    """All rounds, in turn; the first of each warms up and does not count."""
    for each in contenders:
        each.worker = subprocess.Popen(
            [each.python, HERE / "submit_worker.py"],
            env=each.env,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        warm(each, hdfs, folder, count=False)
        cold(each, folder, count=False)
    for round_ in range(rounds):
        for each in contenders:
            warm(each, hdfs, folder, count=True)
            cold(each, folder, count=True)
        print(f"round {round_ + 1} of {rounds}", file=sys.stderr, flush=True)
    for each in contenders:
        each.note("client memory, MiB", ask(each, {"do": "memory"}))
        assert each.worker
        each.worker.stdin.close()
        each.worker.wait()


def ask(contender: Contender, request: dict[str, str]):
    """One question to a warm client."""
    assert contender.worker
    contender.worker.stdin.write(json.dumps(request) + "\n")
    contender.worker.stdin.flush()
    return json.loads(contender.worker.stdout.readline())


def warm(contender: Contender, hdfs: str, folder: Path, *, count: bool) -> None:
    """A submission by a client that runs already; while its script waits, look at the AM."""
    began, go = folder / "began", folder / "go"
    began.unlink(missing_ok=True)
    go.unlink(missing_ok=True)
    script = f"date +%s.%N > {began}; until [ -e {go} ]; do sleep 0.1; done"
    pause()
    application, called = ask(contender, {"do": "submit", "script": script})
    first_line = wait_for(began)
    if count:
        contender.note("submit to script, warm, s", first_line - called)
        contender.note("AM memory, MiB", am_memory(application, contender.marks))
        contender.note("uploaded, bytes", uploaded(hdfs, application))
    go.touch()
    wait_ended(contender, application)


def cold(contender: Contender, folder: Path, *, count: bool) -> None:
    """A submission by the command line, from its start."""
    began = folder / "began"
    began.unlink(missing_ok=True)
    spec = folder / "spec.yaml"
    spec.write_text(SPEC % f"date +%s.%N > {began}")
    command = [contender.python.parent / "skein", "application", "submit", spec]
    pause()
    called = time.time()
    done = subprocess.run(command, env=contender.env, check=True, capture_output=True, text=True)
    returned = time.time()
    first_line = wait_for(began)
    if count:
        contender.note("command line, cold, s", returned - called)
        contender.note("command line to script, cold, s", first_line - called)
    wait_ended(contender, done.stdout.strip())


def pause() -> None:
    """Begin at any moment between two heartbeats of the node, which decide when YARN acts."""
    time.sleep(random.random())


def wait_for(path: Path, limit: float = 60.0) -> float:
    """The time that a script wrote, when it has."""
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        if path.exists() and (text := path.read_text().strip()):
            return float(text)
        time.sleep(0.005)
    raise SystemExit(f"nothing wrote {path} within {limit:g} s")


def wait_ended(contender: Contender, application: str) -> None:
    """Until YARN says that an application has ended: the next one finds an idle cluster."""
    ours = Path(sys.executable).parent / "skein"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        status = subprocess.run(
            [ours, "application", "status", application],
            check=False,
            env=contender.env,
            capture_output=True,
            text=True,
        )
        if any(state in status.stdout for state in ("FINISHED", "FAILED", "KILLED")):
            time.sleep(1)
            return
        time.sleep(0.2)
    raise SystemExit(f"{contender.name}: {application} has not ended")


def am_memory(application: str, marks: tuple[str, ...]) -> float:
    """MiB that the AM's process holds."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            command = (entry / "cmdline").read_bytes().split(b"\0")
            environment = (entry / "environ").read_bytes()
            status = (entry / "status").read_text()
        except OSError:
            continue
        text = b" ".join(command).decode(errors="replace")
        program = command[0].decode(errors="replace")
        if (
            marks[0] in text
            and marks[1] in Path(program).name
            and application.removeprefix("application").encode() in environment
            and b"_01_000001" in environment
        ):
            found.append(int(status.partition("VmRSS:")[2].split()[0]) / 1024)
    if len(found) != 1:
        raise SystemExit(f"{len(found)} processes look like the AM of {application}")
    return found[0]


def uploaded(hdfs: str, application: str) -> float:
    """Bytes in the application's staging folder."""
    import getpass

    user = getpass.getuser()
    url = f"{hdfs}/user/{user}/.skein/{application}?op=GETCONTENTSUMMARY&user.name={user}"
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return json.load(answer)["ContentSummary"]["length"]
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return 0
        raise


def report(contenders: list[Contender]) -> None:
    """A table: medians, ranges, and each one's share of the first's, which is the peer."""
    peer, *others = contenders
    heads = [f"{each.name:>26}{'ratio':>8}" for each in others]
    print(f"\n{'':36}{peer.name:>26}{''.join(heads)}")
    for what in others[-1].figures:
        theirs = peer.figures.get(what, [])
        line = f"{what:36}{spread(theirs):>26}"
        for each in others:
            figures = each.figures.get(what, [])
            line += f"{spread(figures):>26}{share(figures, theirs):>8}"
        print(line.rstrip())


def spread(values: list[float]) -> str:
    """Median and range."""
    if not values:
        return ""
    if max(values) >= 1000:
        return f"{statistics.median(values):,.0f}"
    return f"{statistics.median(values):.2f} ({min(values):.2f}-{max(values):.2f})"


def share(values: list[float], theirs: list[float]) -> str:
    """The ratio of the medians, if there are both."""
    if not values or not theirs:
        return ""
    return f"{statistics.median(values) / statistics.median(theirs):.2f}"


if __name__ == "__main__":
    main()
