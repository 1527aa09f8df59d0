"""Environments: `.venv/bin/python benchmarks/environments.py`.

Measures in turn

- `pack`: the CPU that packing an environment takes, with conda-pack 0.9.2 and venv-pack2 0.9.2. All
  of conda-pack's files are files of conda packages, its fastest case. venv-pack has a virtual
  environment, without an interpreter, with the same packages; so has yarnhub in this comparison.
  Each peer runs with its default options, and with those that need the least CPU;
- `build`: a build of numpy and ipykernel with `yarnhub env build`, with all downloads and a copy of
  the interpreter in the cache. Ours is all but the work of uv and of the compiler of Python:
  the checks of the interpreter and of the packages, the copy of the interpreter, the pack, and the
  clean-up (wanted: 20 s, 5 s of them ours);
- `start`: from the submission of a container to the first line of Python, with the Python of the
  node, with an environment that the node has in its cache, and with one that it has not; against
  conda-pack's archive of the same environment, which YARN unpacks in the same way.

Starts a cluster of its own for the last part; its nodes have Hadoop's native library unless
`--no-native` is given. Packs a large environment (1 GB) unless `--small` is given. Prints medians
with their ranges, and how much less CPU than the peers' yarnhub needs. The peers are installed
into `build/environment-peers`. The machine should have nothing else to do.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import environment_peers as peers
from submit import Contender, report, wait_for

from yarnhub.base.units import MiB, VCores
from yarnhub.client.access.settings import Settings
from yarnhub.client.files.file_systems import user_file_system
from yarnhub.cluster import HadoopCluster
from yarnhub.environments.progress import Step
from yarnhub.spec import ApplicationSpec, File, FileVisibility, Resources, Service
from yarnhub.unmanaged import UnmanagedApplications

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from environment_peers import Used

SMALL = ("numpy", "ipykernel")
LARGE = (
    *(*SMALL, "pandas", "pyarrow", "scikit-learn", "matplotlib", "dask", "jupyterlab"),
    "jupyterhub",
)
PARTS = ("pack", "build", "start")
WANTED = 2.5
"""How much less CPU than the peers' packing takes at most."""
OF_PROGRAMS = (Step.LOCK.value, Step.INSTALL.value, Step.COMPILE.value)
"""Steps of uv and of the compiler of Python."""
LONGEST_START = 300.0
"""Seconds: without the native library, unpacking takes a minute and more."""
MEBIBYTE = 1 << 20


@dataclass(frozen=True)
class Environment:
    """An environment that was built.

    Attributes:
        archive: Its archive.
        document: What `yarnhub env build --json` printed.
    """

    archive: Path
    document: Mapping[str, str]


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--parts", nargs="*", choices=PARTS, default=list(PARTS))
    parser.add_argument("--small", action="store_true", help=f"pack {' and '.join(SMALL)} only")
    parser.add_argument("--no-native", action="store_true", help="nodes without libhadoop.so")
    chosen = parser.parse_args()
    before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(dir=peers.PEERS.parent) as scratch:
        folder = Path(scratch)
        folder.chmod(0o755)
        small = built("small", SMALL, folder)
        if "pack" in chosen.parts:
            measure_packing(
                small if chosen.small else built("large", LARGE, folder), folder, chosen.rounds
            )
        if "build" in chosen.parts:
            measure_building(folder, chosen.rounds)
        if "start" in chosen.parts:
            asyncio.run(measure_starting(small, folder, chosen.rounds, native=not chosen.no_native))
    print(f"load before: {before:.1f}, after: {os.getloadavg()[0]:.1f}, on {os.cpu_count()} cores")


def built(name: str, packages: tuple[str, ...], folder: Path) -> Environment:
    """Build an environment of packages with ours."""
    specification = folder / f"{name}.json"
    specification.write_text(json.dumps({"name": name, "pip": packages}))
    archive = folder / f"{name}.tar.gz"
    command = [*build_command(specification, archive), "--json"]
    document = json.loads(peers.run(command).output)
    print(f"{name}: {document['files']} files, {document['size'] // MEBIBYTE} MiB", flush=True)
    return Environment(archive, document)


def build_command(specification: Path, archive: Path) -> list[str | Path]:
    """The command that builds an environment."""
    yarnhub = peers.BIN / "yarnhub"
    return [yarnhub, "env", "build", specification, "--output", archive, "--force"]


# --- pack


def measure_packing(environment: Environment, folder: Path, rounds: int) -> None:
    """Pack the same files with each, in turn."""
    prefix = peers.unpacked(environment.archive, folder / "prefix")
    conda = peers.conda_environment(prefix, folder, "conda")
    lock, python = environment.document["lock"], environment.document["python"]
    virtual = peers.virtual_environment(lock, python, folder / "venv")
    target = folder / "packed.tar.gz"
    least = ("--compress-level", "1")
    compare(
        "conda-pack",
        {
            "conda-pack": lambda: peers.conda_pack(conda, target),
            "conda-pack, level 1": lambda: peers.conda_pack(conda, target, *least),
            "yarnhub": lambda: peers.our_pack(prefix, target),
        },
        target,
        rounds,
    )
    compare(
        "venv-pack",
        {
            "venv-pack": lambda: peers.venv_pack(virtual, target),
            "venv-pack, level 1": lambda: peers.venv_pack(virtual, target, *least),
            "yarnhub": lambda: peers.our_pack(virtual, target),
        },
        target,
        rounds,
    )


def compare(peer: str, ways: dict[str, Callable[[], Used]], target: Path, rounds: int) -> None:
    """Pack in each way, in turn; the first round warms up and does not count."""
    contenders = {name: Contender(name, Path(), ()) for name in ways}
    for round_ in range(rounds + 1):
        for name, pack in ways.items():
            used = pack()
            if round_:
                contenders[name].note("pack: CPU, s", used.cpu)
                contenders[name].note("pack: s", used.wall)
                contenders[name].note("pack: MiB", target.stat().st_size / MEBIBYTE)
        print(f"{peer}: round {round_} of {rounds}", file=sys.stderr, flush=True)
    report(list(contenders.values()))
    cpu = {
        name: statistics.median(each.figures["pack: CPU, s"]) for name, each in contenders.items()
    }
    for name in (peer, f"{peer}, level 1"):
        wanted = f" (wanted: {WANTED} or more)" if name == peer else ""
        print(f"CPU, {name} / yarnhub: {cpu[name] / cpu['yarnhub']:.2f}{wanted}")


# --- build


def measure_building(folder: Path, rounds: int) -> None:
    """Build the small environment again; the first build has filled the cache."""
    ours = Contender("yarnhub", Path(), ())
    for round_ in range(rounds):
        for what, seconds in build_steps(folder).items():
            ours.note(f"build: {what}, s", seconds)
        print(f"build: round {round_ + 1} of {rounds}", file=sys.stderr, flush=True)
    report([Contender("", Path(), ()), ours])


def build_steps(folder: Path) -> dict[str, float]:
    """The seconds of each step of a build, from the lines of progress that it prints."""
    command = build_command(folder / "small.json", folder / "again.tar.gz")
    cpu, marks = cpu_of_children(), [("start-up", time.monotonic())]
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        for line in process.stderr:
            if (name := begun(line)) and name != marks[-1][0]:
                marks.append((name, time.monotonic()))
    if process.returncode:
        sys.exit(f"the build has failed with exit code {process.returncode}")
    marks.append(("end", time.monotonic()))
    steps = {name: until - at for (name, at), (_, until) in itertools.pairwise(marks)}
    steps["all"] = sum(steps.values())
    steps["all but uv and the compiler"] = steps["all"] - sum(map(steps.get, OF_PROGRAMS))
    return {**steps, "CPU of all": cpu_of_children() - cpu}


def cpu_of_children() -> float:
    """Seconds of CPU of all programs that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def begun(line: str) -> str | None:
    """What begins with a line of progress, `step: started` or `step: 3 of 5`; None for others."""
    step, _, shown = line.strip().partition(": ")
    amount = re.fullmatch(r"(\d+) of (\d+)", shown)
    if step == Step.INSTALL.value:
        return begun_of_install(shown)
    if step == Step.PACK.value and amount and amount[1] == amount[2]:
        return "clean-up"
    return step if shown == "started" else None


def begun_of_install(shown: str) -> str | None:
    """The same for the step in which uv installs the packages."""
    if shown == "started":
        return "copy of the interpreter"
    if shown.startswith("0 of "):
        return Step.INSTALL.value
    return "check of the packages" if shown.startswith("Installed ") else None


# --- start


async def measure_starting(
    environment: Environment, folder: Path, rounds: int, *, native: bool
) -> None:
    """Start containers with and without environments on a cluster."""
    prefix = peers.unpacked(environment.archive, folder / "start")
    conda = folder / "conda.tar.gz"
    peers.conda_pack(peers.conda_environment(prefix, folder, "start-conda"), conda)
    ours = Contender("yarnhub", Path(), ())
    peer = Contender("conda-pack", Path(), ())
    async with HadoopCluster(native=native) as cluster:
        settings = Settings.from_environment({**os.environ, **cluster.env})
        async with (
            user_file_system(settings) as file_system,
            UnmanagedApplications(settings, folder=folder / "held", host="localhost") as held,
        ):
            home = await file_system.home()
            for round_ in range(rounds + 1):
                found: dict[str, tuple[Contender, float]] = {}
                seconds = await start(held, folder, None)
                found["start: no environment, s"] = (ours, seconds)
                for contender, archive in ((ours, environment.archive), (peer, conda)):
                    # A file that the node has never seen.
                    url = f"{home}/{contender.name}-{round_}.tar.gz"
                    await file_system.upload(archive, url)
                    for what in ("not in the cache", "in the cache"):
                        seconds = await start(held, folder, url)
                        if round_:
                            contender.note(f"start: {what}, s", seconds)
                    await file_system.delete(url)
                if round_:
                    for what, (contender, seconds) in found.items():
                        contender.note(what, seconds)
                print(f"start: round {round_} of {rounds}", file=sys.stderr, flush=True)
    report([peer, ours])


async def start(held: UnmanagedApplications, folder: Path, url: str | None) -> float:
    """Seconds from a submission to the first line of Python in its container."""
    began = folder / "began"
    began.unlink(missing_ok=True)
    python = "python3" if url is None else "environment/bin/python3"
    program = f"import time; print(time.time(), file=open('{began}.partial', 'w'))"
    files = {}
    if url is not None:
        files["environment"] = File(source=url, visibility=FileVisibility.PRIVATE)
    service = Service(
        resources=Resources(memory=MiB(128), vcores=VCores(1)),
        files=files,
        script=f'{python} -c "{program}" && mv {began}.partial {began}',
    )
    called = time.time()
    application = await held.submit(ApplicationSpec(name="benchmark", services={"s": service}))
    seconds = await asyncio.to_thread(wait_for, began, LONGEST_START) - called
    await application.ended()
    return seconds


if __name__ == "__main__":
    main()
