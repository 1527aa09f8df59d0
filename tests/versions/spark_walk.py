"""What a user does with a version of Spark, one capability after the other.

The first ones are steps of one kernel's life, in their order.
"""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import uuid
from contextlib import AsyncExitStack
from textwrap import indent
from typing import TYPE_CHECKING, Self

from integrations.spark.publishing import LOOPBACK
from kernels.joined import joined
from yarnhub.client.access.settings import Settings
from yarnhub.client.files.file_systems import user_file_system
from yarnhub.integrations.spark.driver.java import java_build
from yarnhub.integrations.spark.kernelspec import kernelspec_files, yarnhub_spark_settings
from yarnhub.integrations.spark.published import find_version
from yarnhub.kernels import kernelspec
from yarnhub.kernels.kernel import KernelState
from yarnhub.kernels.local_holder import LocalKernelHolder

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from pathlib import Path

    from kernels.launcher.client import Client
    from versions.spark_kinds import SparkKind
    from yarnhub.cluster import HadoopCluster
    from yarnhub.integrations.spark.published import PublishedSpark
    from yarnhub.kernels.kernel import Kernel
    from yarnhub.kernels.request import KernelRequest

ROOT = "/spark-of-versions"
PATIENCE = 800.0
"""Seconds for what takes half a minute on a quiet machine."""
SUM = "print(spark.range(10**6).selectExpr('sum(id)').first()[0])"
TOTAL = "499999500000"
BUSY = "while sc.statusTracker().getActiveJobsIds(): time.sleep(0.1)"
LOOK = """\
import json, os
def look(pid):
    while "java" not in open(f"/proc/{pid}/comm").read():
        pid = int(open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[1])
    mapped = open(f"/proc/{pid}/maps").read().split()
    names = [os.path.basename(each) for each in mapped]
    used = any(each.startswith("spark-") and each.endswith(".jsa") for each in names)
    return os.path.realpath(f"/proc/{pid}/exe"), used
driver = look(sc._jvm.java.lang.ProcessHandle.current().pid())
executor = sc.parallelize([1], 1).map(lambda _: look(os.getpid())).first()
print("FOUND", json.dumps([driver, executor]))
"""
"""Which Java the driver and an executor run, and whether they use class data. An executor is the
parent of its Python's parent."""
SCRIPT = f"""\
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
{SUM}
print(spark.version)
"""


class SparkWalk:
    """A published version of Spark, and a kernel with it.

    Attributes:
        cluster: Where.
        kind: The version, and its Java.
        folder: For all that is written.
        python: The Python of kernels and executors.
    """

    def __init__(self, cluster: HadoopCluster, kind: SparkKind, folder: Path, python: Path) -> None:
        self.cluster = cluster
        self.kind = kind
        self.folder = folder
        self.python = python
        self.env = {**cluster.env, "SKEIN_CONFIG": str(folder / "config")}
        self.settings = Settings.from_environment(self.env)
        self._kernel: Kernel | None = None
        self._client: Client | None = None
        self._open = AsyncExitStack()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.end_kernel()

    async def end_kernel(self) -> None:
        """Have the next cell start another kernel."""
        kernel, self._kernel, self._client = self._kernel, None, None
        if kernel is not None:
            await kernel.stop(now=True)
        await self._open.aclose()

    async def run(self, *words: str, **variables: str) -> str:
        """Run a command of `yarnhub spark`; returns what it has printed."""
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "yarnhub.cli.main", "spark", *words],
            env={**self.env, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    async def publish(self, *words: str) -> str:
        """Publish the version."""
        return await self.run("publish", "--root", ROOT, "--from", str(self.kind.source), *words)

    async def published(self) -> PublishedSpark:
        """The version, from HDFS."""
        async with user_file_system(self.settings) as file_system:
            return await find_version(file_system, ROOT, self.kind.version)

    async def kernel(self) -> tuple[Kernel, Client]:
        """A kernel that runs; started when it is first needed."""
        if self._kernel is None or self._client is None:
            holder = LocalKernelHolder(self.settings, folder=self.folder / "held", host="localhost")
            await self._open.enter_async_context(holder)
            self._kernel = await holder.start(await self._request())
            async with asyncio.timeout(PATIENCE):
                while self._kernel.status.state is not KernelState.RUNNING:
                    await self._kernel.changed(self._kernel.status)
            self._client = await self._open.enter_async_context(joined(self._kernel))
        return self._kernel, self._client

    async def cell(self, code: str) -> str:
        """What a cell prints; what it raises as well."""
        _, client = await self.kernel()
        guarded = (
            f"try:\n{indent(code, '    ')}\n"
            "except BaseException as error:\n    print(type(error).__name__, error)\n    raise"
        )
        return await client.run(guarded)

    async def _request(self) -> KernelRequest:
        published = await self.published()
        build = java_build(self.kind.java_home)
        builds = {build} & published.class_data.keys()
        properties = {**LOOPBACK, "spark.dynamicAllocation.maxExecutors": "1"}
        spark = yarnhub_spark_settings(published, properties, builds)
        config = kernelspec.read(
            {
                **kernelspec_files(published, builds),
                "memory": "1536 MiB",
                "python": str(self.python),
                "env": {"HADOOP_CONF_DIR": self.cluster.env["HADOOP_CONF_DIR"]},
                "spark": {**spark, "java_home": str(self.kind.java_home)},
            }
        )
        argv = (str(self.python), "-m", "ipykernel_launcher", "-f", "{connection_file}")
        spec = kernelspec.Kernelspec(name="spark", argv=argv)
        number = str(uuid.uuid4())
        return kernelspec.request_of(config, spec, id=number, owner="alice", user="alice", asked={})


async def publish(walk: SparkWalk) -> None:
    """Publish it."""
    said = await walk.publish("--no-class-data")
    assert f"Published: Spark {walk.kind.version} in " in said
    assert (await walk.published()).version == walk.kind.version


async def session(walk: SparkWalk) -> None:
    """A session computes on executors."""
    found = await walk.cell(f"x = 42\n{SUM}\nprint(spark.version)")
    assert f"{TOTAL}\n{walk.kind.version}\n" in found, found


async def interrupt(walk: SparkWalk) -> None:
    """An interrupt leaves no job."""
    kernel, client = await walk.kernel()
    wait = "sc.parallelize([1], 1).map(lambda _: __import__('time').sleep(300)).count()"
    request = client.client.execute(wait)
    control = client.client
    async with asyncio.timeout(PATIENCE):
        # Its progress is shown while it runs.
        while True:
            message = await control.get_iopub_msg(timeout=PATIENCE)
            shown = message["content"].get("data", {}).get("text/plain", "")
            if message["parent_header"].get("msg_id") == request and " 1 running" in shown:
                break
        await kernel.signal(signal.SIGINT)
        await client.printed(request)
        assert await walk.cell(f"import time\n{BUSY}\nprint(x)") == "42\n"


async def second_session(walk: SparkWalk) -> None:
    """Another session, with other memory."""
    heap = "print(sc._jvm.java.lang.Runtime.getRuntime().maxMemory() >> 20)"
    before = await walk.cell(f"old = sc.applicationId\n{heap}")
    builder = "SparkSession.builder.config('spark.driver.memory', '700m').getOrCreate()"
    after = await walk.cell(
        f"from pyspark.sql import SparkSession\nspark.stop()\nspark = {builder}\n"
        f"sc = spark.sparkContext\n{heap}\nassert sc.applicationId != old\n{SUM}"
    )
    sizes = [int(before.split()[-1]), int(after.split()[-2])]
    assert sizes[0] < 520 < sizes[1], (before, after)
    assert after.endswith(f"{TOTAL}\n"), after


async def death(walk: SparkWalk) -> None:
    """The end of the driver is reported, and variables are kept."""
    kill = "import os\nos.kill(sc._jvm.java.lang.ProcessHandle.current().pid(), 9)\n"
    said = await walk.cell(f"{kill}{SUM}")
    assert "Spark's driver was ended by SIGKILL" in said, said
    said = await walk.cell(f"print(x)\n{SUM}")
    assert said.endswith(f"{TOTAL}\n"), said
    assert "42\n" in said


async def tokens(walk: SparkWalk) -> None:
    """Tokens of a session can be replaced."""
    push = "from yarnhub_spark.tokens import push\npush(sc, b'HDTS\\0\\0\\0')"
    assert await walk.cell(f"{push}\n{SUM}") == f"{TOTAL}\n"


async def batch(walk: SparkWalk) -> None:
    """`yarnhub spark run`."""
    script = walk.folder / "script.py"
    script.write_text(SCRIPT)
    home = str(walk.kind.java_home)
    properties = {
        **LOOPBACK,
        "spark.executorEnv.JAVA_HOME": home,
        "spark.yarn.appMasterEnv.JAVA_HOME": home,
        "spark.yarn.appMasterEnv.SPARK_LOCAL_IP": "127.0.0.1",
    }
    given = [word for each in properties.items() for word in ("--conf", "=".join(each))]
    options = ["--root", ROOT, "--spark", walk.kind.version, "--python", str(walk.python)]
    memory = ["--driver-memory", "512m", "--num-executors", "1"]
    said = await walk.run("run", *options, *memory, *given, str(script), HADOOP_USER_NAME="alice")
    assert " succeeded after " in said, said


async def class_data(walk: SparkWalk) -> None:
    """The driver and executors of another kernel run on its Java, and use class data for it."""
    home = walk.kind.java_home
    await walk.publish("--java-home", str(home))
    assert java_build(home) in (await walk.published()).class_data
    await walk.end_kernel()
    said = await walk.cell(LOOK)
    assert "FOUND " in said, said
    program = str((home / "bin" / "java").resolve())
    assert json.loads(said.partition("FOUND ")[2]) == [[program, True], [program, True]]


SPARK_CAPABILITIES: Mapping[str, Callable[[SparkWalk], Awaitable[None]]] = {
    each.__name__: each
    for each in (*(publish, session, interrupt, second_session, death, tokens, batch, class_data),)
}
"""By name, in their order; the first line of each one's text is what it does."""
LIMITED = ("session", "class_data")
"""What is tried of a version on a Java that it does not run on, after `publish`."""
