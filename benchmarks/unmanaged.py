"""Unmanaged applications: what they cost to hold, and how soon they run.

`.venv/bin/python benchmarks/unmanaged.py` starts a cluster of its own and measures

- submission side by side with skein 0.8.2: from the submit call to the first line of the user's
  script, by a client that runs already, in turn;
- `container add` to the first line of the new container's script;
- one process that holds 500 applications with a container each: its share of a core while they
  are idle, and its memory.

Prints medians with their ranges.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from submit import Contender, ask, install_peer, report, wait_ended, wait_for
from submit_worker import resident

from yarnhub.client.access.settings import Settings
from yarnhub.cluster import ClusterOptions, HadoopCluster
from yarnhub.spec import ApplicationSpec
from yarnhub.unmanaged import UnmanagedApplications

HERE = Path(__file__).resolve().parent
ASYNCHRONOUS = "yarn.scheduler.capacity.schedule-asynchronously.enable"
"""Whether the scheduler allocates containers without a wait for a node's heartbeat."""
AM_SHARE = "yarn.scheduler.capacity.maximum-am-resource-percent"
IDLE = 60.0
"""Seconds over which idle applications are measured."""


def main() -> None:
    """Start a cluster, measure, print; or, with `--worker`, hold for the one that measures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--hold", type=int, metavar="N", help="measure this alone; 0: all but this")
    parser.add_argument("--worker", nargs=2, metavar=("FOLDER", "N"), help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.worker:
        asyncio.run(hold(Path(chosen.worker[0]), int(chosen.worker[1])))
    else:
        report(asyncio.run(run(chosen.rounds, chosen.hold)))


async def run(rounds: int, count: int | None) -> list[Contender]:
    """Measure on a cluster of its own, large enough on paper."""
    options = ClusterOptions(
        node_memory=1 << 17,
        node_vcores=1 << 13,
        site={"capacity-scheduler.xml": {AM_SHARE: "1.0"}},
    )
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        async with HadoopCluster(options) as cluster:
            contenders = [Contender("skein 0.8.2", Path(), ()), Contender("unmanaged", Path(), ())]
            if not count:
                contenders = await submissions(cluster, folder, rounds)
            if count != 0:
                done = subprocess.run(
                    [sys.executable, __file__, "--worker", folder / "held", str(count or 500)],
                    env={**os.environ, **cluster.env},
                    check=True,
                    stdout=subprocess.PIPE,
                )
                for what, figure in json.loads(done.stdout).items():
                    contenders[1].note(what, figure)
            return contenders


def spec(script: str) -> ApplicationSpec:
    """One small container, as `submit_worker.py` has it."""
    service = {"resources": {"memory": 64, "vcores": 1}, "script": script}
    return ApplicationSpec.from_dict({"name": "benchmark", "services": {"benchmark": service}})


async def submissions(cluster: HadoopCluster, folder: Path, rounds: int) -> list[Contender]:
    """Submissions in turn with skein 0.8.2, and added containers."""
    peer = Contender("skein 0.8.2", install_peer(folder / "peer"), ("ApplicationMaster", "java"))
    peer.env = {**os.environ, **cluster.env, "SKEIN_CONFIG": str(folder / "config")}
    peer.worker = subprocess.Popen(
        [peer.python, HERE / "submit_worker.py"],
        env=peer.env,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    ours = Contender("unmanaged", Path(sys.executable), ())
    settings = Settings.from_environment({**os.environ, **cluster.env})
    async with UnmanagedApplications(
        settings, folder=folder / "own", host="localhost"
    ) as applications:
        for round_ in range(rounds + 1):  # the first warms up
            await asyncio.to_thread(submit_peer, peer, folder)
            await submit_own(applications, ours, folder)
            if round_ == 0:
                peer.figures.clear()
                ours.figures.clear()
            print(f"round {round_} of {rounds}", file=sys.stderr, flush=True)
    peer.worker.stdin.close()
    peer.worker.wait()
    return [peer, ours]


def submit_peer(peer: Contender, folder: Path) -> None:
    """One submission by skein."""
    began = folder / "began"
    began.unlink(missing_ok=True)
    application, called = ask(peer, {"do": "submit", "script": f"date +%s.%N > {began}"})
    peer.note("submit to script, warm, s", wait_for(began) - called)
    wait_ended(peer, application)


async def submit_own(applications: UnmanagedApplications, ours: Contender, folder: Path) -> None:
    """One submission to this process, and one more container."""
    began, added = folder / "began", folder / "added"
    began.unlink(missing_ok=True)
    added.unlink(missing_ok=True)
    script = f"date +%s.%N > {folder}/${{WHERE:-began}}; sleep 100"
    called = time.time()
    application = await applications.submit(spec(script))
    ours.note("submit to script, warm, s", await asyncio.to_thread(wait_for, began) - called)
    called = time.time()
    await application.add_container("benchmark", {"WHERE": "added"})
    ours.note("container add to script, s", await asyncio.to_thread(wait_for, added) - called)
    await application.kill()
    await asyncio.sleep(1)


async def hold(folder: Path, count: int) -> None:
    """Hold applications, and print what that costs, as JSON."""
    settings = Settings.from_environment(os.environ)
    async with UnmanagedApplications(settings, folder=folder, host="localhost") as applications:
        before = resident()
        called = time.monotonic()
        for _ in range(count):
            await applications.submit(spec("exec sleep 1000"))
        submitted = time.monotonic() - called
        while 0 in [await running(each) for each in applications.values()]:
            await asyncio.sleep(1)
        started = time.monotonic() - called
        await asyncio.sleep(30)  # until nothing is awaited any more
        cpu, clock = time.process_time(), time.monotonic()
        await asyncio.sleep(IDLE)
        share = (time.process_time() - cpu) / (time.monotonic() - clock)
        found = {
            f"{count} submissions, s": submitted,
            f"{count} submissions until all run, s": started,
            f"holding {count}, % of a core": 100 * share,
            f"holding {count}, MiB": resident(),
            "before the first, MiB": before,
        }
        print(json.dumps(found), flush=True)
        async with asyncio.TaskGroup() as group:
            for application in applications.values():
                group.create_task(application.kill())


async def running(application) -> int:
    """How many of its containers run."""
    return sum(each.state.value == "RUNNING" for each in await application.get_containers())


if __name__ == "__main__":
    main()
