"""Spark in notebooks: `.venv/bin/python benchmarks/spark.py`.

Starts a cluster, publishes Spark with class data, and measures in turn

- `spark-submit` in cluster mode, with Spark's jars published (`spark.yarn.archive`), of a kernel in
  which `spark` is created at its first use;
- Enterprise Gateway 3.3 with its own kernelspec `spark_python_yarn_cluster`, and the same jars;
- `yarnhub gateway` with the kernelspec of `yarnhub kernelspec install --spark`.

All run the same Python, Java and PySpark in containers, with the same properties: two executors,
and a session that does not wait for them. Measured are

- from the request for a kernel: the first reply of a cell, the session, and the result of
  `spark.range(1).count()`;
- the CPU of all processes for the notebook until then, gateway, driver and executors, and the
  gateway's alone, which with spark-submit is its process;
- the memory of the driver's container, which has the kernel: before the session is used, and after
  the result. PSS counts pages that processes share in part.

Prints medians with their ranges. One cell that fails ends it with an error.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from kernel_servers import environment, install_peer
from processes import containers, cpu_with_ended, held
from spark_servers import Installed, our_gateway, peer_gateway, spark_submit
from submit import Contender, pause, report

from unmanaged import AM_SHARE, ASYNCHRONOUS
from yarnhub.client.access.settings import Settings
from yarnhub.client.files.file_systems import user_file_system
from yarnhub.cluster import ClusterOptions, HadoopCluster
from yarnhub.cluster.processes.process import MARK
from yarnhub.integrations.spark.published import ROOT, find_version

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spark_servers import Gateway, Submit

SUBMIT, PEER, OURS = NAMES = ("spark-submit", "Enterprise Gateway", "yarnhub")
SPARK = Path(__file__).resolve().parent.parent / "build" / "spark"
"""`ensure_spark` in `scripts/environment.sh` makes it."""
JAVA_HOME = Path("/usr/lib/jvm/java-17-openjdk-amd64")
COMMON = {
    "spark.driver.memory": "512m",
    "spark.executor.instances": "2",
    "spark.executor.memory": "512m",
    "spark.executorEnv.SPARK_LOCAL_IP": "127.0.0.1",
    "spark.scheduler.minRegisteredResourcesRatio": "0",
}
CONTAINER = "import os; os.environ['CONTAINER_ID']"
PATIENCE = 120.0
"""Seconds for the processes of a notebook to end."""


def main() -> None:
    """Start a cluster, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", nargs="*", choices=NAMES, default=list(NAMES))
    parser.add_argument("--no-class-data", action="store_true", help="publish Spark without")
    parser.add_argument(
        "--asynchronous",
        action="store_true",
        help="with a scheduler that does not wait for a node's heartbeat, each second, to allocate",
    )
    parser.add_argument("--java-home", type=Path, default=JAVA_HOME, help=f"default: {JAVA_HOME}")
    chosen = parser.parse_args()
    if not SPARK.is_dir():
        sys.exit(f"{SPARK} is missing: bash -c '. scripts/environment.sh; ensure_spark'")
    before = os.getloadavg()[0]
    found = asyncio.run(run(chosen))
    report(found if len(found) > 1 else [Contender("", Path(), ()), *found])
    print(f"load before: {before:.1f}, after: {os.getloadavg()[0]:.1f}, on {os.cpu_count()} cores")


async def run(chosen: argparse.Namespace) -> list[Contender]:
    """Measure on a cluster of its own."""
    scheduler = {AM_SHARE: "1.0", ASYNCHRONOUS: str(chosen.asynchronous).lower()}
    options = ClusterOptions(java_home=chosen.java_home, site={"capacity-scheduler.xml": scheduler})
    contenders = [Contender(name, Path(), ()) for name in chosen.only]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        folder.chmod(0o755)
        peer = install_peer(folder / "peer") if PEER in chosen.only else (Path(), Path())
        async with HadoopCluster(options) as cluster:
            env = environment(cluster.env)
            installed = await publish(env, chosen)
            mark = f"{MARK}={cluster.state}"
            ways = {
                SUBMIT: lambda: spark_submit(folder / "submit", installed),
                PEER: lambda: peer_gateway(folder / "eg", peer, installed, cluster.rm_web_url),
                OURS: lambda: our_gateway(folder / "ours", installed, COMMON),
            }
            async with contextlib.AsyncExitStack() as stack:
                notebooks = [
                    await stack.enter_async_context(ways[each.name]()) for each in contenders
                ]
                for round_ in range(chosen.rounds + 1):  # the first warms up
                    for each, contender in zip(notebooks, contenders, strict=True):
                        await life(each, contender, mark)
                        show(contender)
                        if not round_:
                            contender.figures.clear()
                    print(f"round {round_} of {chosen.rounds}", file=sys.stderr, flush=True)
    return contenders


async def publish(env: Mapping[str, str], chosen: argparse.Namespace) -> Installed:
    """Publish Spark, for all."""
    yarnhub = Path(sys.executable).with_name("yarnhub")
    data = ["--no-class-data"] if chosen.no_class_data else ["--java-home", chosen.java_home]
    command = [yarnhub, "spark", "publish", "--from", SPARK, *data]
    called = time.monotonic()
    subprocess.run(command, env=env, check=True, stdout=subprocess.DEVNULL)
    print(f"published in {time.monotonic() - called:.0f} s", file=sys.stderr, flush=True)
    async with user_file_system(Settings.from_environment(env)) as file_system:
        published = await find_version(file_system, ROOT)
    (spark_home,) = SPARK.glob("lib/python3*/site-packages/pyspark")
    python = SPARK / "bin" / "python"
    return Installed(env, python, spark_home, COMMON, published.libs.url)


async def life(way: Submit | Gateway, contender: Contender, mark: str) -> None:
    """One notebook, from its request until nothing is left of it."""
    await asyncio.to_thread(pause)
    called = time.monotonic()
    async with way.notebook() as notebook:
        container = (await notebook.execute(CONTAINER)).strip("'")
        contender.note("kernel replies, s", time.monotonic() - called)
        contender.note("memory before `spark`, MiB", held(containers(mark)[container], "Rss"))
        await notebook.execute(f"{way.session}; type(spark).__name__")
        contender.note("session ready, s", time.monotonic() - called)
        result = await notebook.execute("spark.range(1).count()")
        contender.note("first result, s", time.monotonic() - called)
        assert result == "1", result
        gateway = notebook.gateway_cpu()
        running = containers(mark)
        pids = [pid for each in running.values() for pid in each]
        contender.note("CPU to the first result, s", gateway + cpu_with_ended(pids))
        contender.note("CPU of the gateway, s", gateway)
        drivers = running.pop(container)
        contender.note("driver's container, RSS, MiB", held(drivers, "Rss"))
        contender.note("driver's container, PSS, MiB", held(drivers, "Pss"))
        executors = [pid for each in running.values() for pid in each]
        contender.note("executors", len(running))
        contender.note("executors, PSS, MiB", held(executors, "Pss"))
    async with asyncio.timeout(PATIENCE):
        while containers(mark):
            await asyncio.sleep(0.2)
    await asyncio.sleep(2)  # until its applications have ended


def show(contender: Contender) -> None:
    """Print what the last notebook took."""
    figures = ", ".join(f"{what} {values[-1]:.2f}" for what, values in contender.figures.items())
    print(f"{contender.name}: {figures}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
