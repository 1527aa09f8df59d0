"""Reading a log of 100 MB with the command line: `.venv/bin/python benchmarks/logs.py`.

For each way of aggregating: the log of a container that runs, from its node, and of one that has
ended, from HDFS. Measured from the start of `skein application logs` as a process of its own: the
time to the first byte and to the last, and the most memory that it held, beside what it holds for a
log of one line. What comes is compared with what was written.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from yarnhub.cluster import HadoopCluster
from yarnhub.cluster.options import ClusterOptions

SKEIN = Path(sys.executable).parent / "skein"
CONTROLLER = "org.apache.hadoop.yarn.logaggregation.filecontroller"
CONTROLLERS = {
    "TFile": f"{CONTROLLER}.tfile.LogAggregationTFileController",
    "IFile": f"{CONTROLLER}.ifile.LogAggregationIndexedFileController",
}
SPEC = """\
name: benchmark
services:
  big:
    resources: {{memory: 64, vcores: 1}}
    script: |
      cat {source}
      until [ -e {go} ]; do sleep 0.1; done
"""


@dataclass(frozen=True)
class Figures:
    """One reading."""

    first: float
    seconds: float
    size: int
    memory: float
    digest: str


def main() -> None:
    """Measure all ways, each on a cluster of its own, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--megabytes", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--ways", nargs="*", default=["TFile/none", "TFile/gz", "IFile/gz"])
    arguments = parser.parse_args()
    print(f"{'':28}{'first byte, s':>14}{'MB/s':>8}{'memory, MB':>12}")
    for way in arguments.ways:
        asyncio.run(run(way, arguments.megabytes, arguments.rounds))


async def run(way: str, megabytes: int, rounds: int) -> None:
    """Measure one way of aggregating."""
    form, _, compression = way.partition("/")
    site = {
        "yarn.log-aggregation.file-formats": form,
        f"yarn.log-aggregation.file-controller.{form}.class": CONTROLLERS[form],
        "yarn.nodemanager.log-aggregation.compression-type": compression,
    }
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        source = folder / "source"
        digest = write(source, megabytes * 1_000_000)
        async with HadoopCluster(ClusterOptions(site={"yarn-site.xml": site})) as cluster:
            env = {**os.environ, **cluster.env, "SKEIN_CONFIG": str(folder / "config")}
            measure(way, env, folder, source, digest, rounds)


def write(path: Path, size: int) -> str:
    """Lines as a program logs them; returns their digest."""
    digest = hashlib.sha256()
    with path.open("wb") as file:
        number = 0
        while file.tell() < size:
            lines = b"".join(
                b"2026-01-31 12:00:00,%03d INFO worker: record %d of %x\n"
                % (n % 1000, n, n * 2654435761 % (1 << 32))
                for n in range(number, number + 10_000)
            )
            digest.update(lines)
            file.write(lines)
            number += 10_000
    return digest.hexdigest()


def measure(
    way: str, env: dict[str, str], folder: Path, source: Path, digest: str, rounds: int
) -> None:
    """One application, read while it runs and after its end."""
    go, spec = folder / "go", folder / "spec.yaml"
    spec.write_text(SPEC.format(source=source, go=go))
    submit = [SKEIN, "application", "submit", spec]
    application = subprocess.run(
        submit, env=env, check=True, capture_output=True, text=True
    ).stdout.strip()
    wait_for_size(application, env, source.stat().st_size)
    report(f"{way}, running", [read(application, env, "big") for _ in range(rounds)], digest)
    go.touch()
    subprocess.run([SKEIN, "application", "wait", application], env=env, check=True)
    read(application, env, "master")  # waits until it is uploaded
    report(f"{way}, ended", [read(application, env, "big") for _ in range(rounds)], digest)
    small = read(application, env, "master")
    print(f"{'a log of some lines':28}{small.first:14.2f}{'':8}{small.memory:12.0f}", flush=True)


def wait_for_size(application: str, env: dict[str, str], size: int, limit: float = 60) -> None:
    """Until the log has been written."""
    command = [SKEIN, "application", "logs", application, "--list"]
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        done = subprocess.run(command, env=env, check=False, capture_output=True, text=True)
        if re.search(rf"big\.log +{size}$", done.stdout, re.MULTILINE):
            return
        time.sleep(0.5)
    raise SystemExit(f"the log is not there: {done.stdout}{done.stderr}")


def read(application: str, env: dict[str, str], service: str) -> Figures:
    """One reading by a process of its own."""
    name = ("big_0", "big.log") if service == "big" else ("master", "application.master.log")
    command = [SKEIN, "application", "logs", application, "--container", name[0], "--file", name[1]]
    digest, size, first = hashlib.sha256(), 0, 0.0
    began = time.monotonic()
    process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE)
    assert process.stdout
    while data := os.read(process.stdout.fileno(), 1 << 20):
        first = first or time.monotonic() - began
        digest.update(data)
        size += len(data)
    process.stdout.close()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command} ended with {process.returncode}")
    seconds = time.monotonic() - began
    return Figures(first, seconds, size, usage.ru_maxrss / 1000, digest.hexdigest())


def report(what: str, found: list[Figures], digest: str) -> None:
    """A line of the table: the median round."""
    if any(each.digest != digest for each in found):
        raise SystemExit(f"{what}: other bytes came than were written")
    middle = sorted(found, key=lambda each: each.seconds)[len(found) // 2]
    speed = middle.size / 1e6 / middle.seconds
    print(f"{what:28}{middle.first:14.2f}{speed:8.0f}{middle.memory:12.0f}", flush=True)


if __name__ == "__main__":
    main()
