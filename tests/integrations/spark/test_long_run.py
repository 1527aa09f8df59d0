"""A session outlives its delegation tokens: the kernel replaces them, in all that read HDFS."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from e2e.long_run import short_lived
from integrations.spark.publishing import Publisher
from kernels.joined import joined
from yarnhub.client.access.settings import Settings
from yarnhub.hadoop.security.kerberos import Keytab
from yarnhub.kernels.kernel import KernelState
from yarnhub.kernels.local_holder import LocalKernelHolder

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.spark,
    pytest.mark.waits,
    pytest.mark.timeout(900),
]

LIFETIME = 60
"""Seconds of a token, which has to be renewed after half of them."""
FIRST = "import os; print(sc.parallelize([0], 1).map(lambda _: os.environ['CONTAINER_ID']).first())"
WRITE = "spark.range(64).selectExpr('string(id)').coalesce(1).write.text('numbers')"
ENDS = """
user = sc._jvm.org.apache.hadoop.security.UserGroupInformation.getCurrentUser()
tokens = [each for each in user.getTokens().toArray() if "HDFS" in each.getKind().toString()]
ends = max(each.decodeIdentifier().getMaxDate() for each in tokens)
"""
LONG = f"""
import threading, time
done = []
def work(_):
    while time.time() < ends / 1000 + {LIFETIME}:
        time.sleep(0.5)
    return 1
long = threading.Thread(target=lambda: done.append(sc.parallelize([0], 1).map(work).count()))
long.start()
"""
WAIT = "long.join(20); print(long.is_alive())"
READ = """
import os
def read(line):
    time.sleep(0.5)
    return os.environ['CONTAINER_ID'], int(line)
read_by = sc.textFile('numbers', 8).map(read).collect()
print(sum(each for _, each in read_by))
"""
CONTAINERS = "print(len({name for name, _ in read_by}))"
OLD = "print(old in {name for name, _ in read_by})"


async def test_a_session_outlives_its_tokens(
    tmp_path: Path, shared_python: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with short_lived(LIFETIME) as cluster:
        monkeypatch.setenv("KRB5_CONFIG", cluster.env["KRB5_CONFIG"])
        publisher = await asyncio.to_thread(Publisher, cluster, tmp_path)
        # One executor until there is work for two; it is kept while it has nothing to do.
        request = publisher.kernel_with_installed_spark(
            shared_python,
            dynamicAllocation_maxExecutors="2",
            dynamicAllocation_executorIdleTimeout="600s",
        )
        keytab = Keytab(str(cluster.keytab("jupyterhub")), "jupyterhub")
        env = {**cluster.env, "SKEIN_CONFIG": str(tmp_path / "config")}
        settings = Settings.from_environment(env, keytab)
        async with LocalKernelHolder(
            settings, folder=tmp_path / "held", host="localhost"
        ) as holder:
            kernel = await holder.start(request)
            async with asyncio.timeout(400):
                while kernel.status.state is not KernelState.RUNNING:
                    await kernel.changed(kernel.status)
            async with joined(kernel) as client:
                old = (await client.run(FIRST)).splitlines()[-1]
                assert old.startswith("container_")
                assert await client.run(f"old = {old!r}\n{WRITE}\n{ENDS}") == ""
                await client.run(LONG)
                while await client.run(WAIT) == "True\n":
                    pass
                assert await client.run("print(done)") == "[1]\n"
                assert await client.run(READ) == f"{sum(range(64))}\n"
                assert await client.run(CONTAINERS) == "2\n"
                assert await client.run(OLD) == "True\n"
            await kernel.stop()
        await publisher.none_runs()
