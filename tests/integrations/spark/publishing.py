"""A Spark that is published for the tests of a cluster."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
import uuid
from typing import TYPE_CHECKING

from e2e.walk import PROJECT
from yarnhub.client.access.settings import Settings
from yarnhub.client.client import Client
from yarnhub.client.files.file_systems import user_file_system
from yarnhub.integrations.spark.driver.java import LIBS
from yarnhub.integrations.spark.kernelspec import kernelspec_files, yarnhub_spark_settings
from yarnhub.integrations.spark.published import find_version
from yarnhub.kernels import kernelspec
from yarnhub.yarn.records.applications import YarnApplicationState
from yarnhub.yarn.records.resource_manager import GetApplicationsRequest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from yarnhub.cluster import HadoopCluster
    from yarnhub.integrations.spark.published import PublishedSpark
    from yarnhub.kernels.request import KernelRequest

PYTHON = PROJECT / "build" / "spark" / "bin" / "python"
"""`ensure_spark` in `scripts/environment.sh` makes it."""
LOOPBACK = {"spark.executor.memory": "512m", "spark.executorEnv.SPARK_LOCAL_IP": "127.0.0.1"}
"""Settings for a small cluster on one machine."""
_NOT_ENDED = tuple(each for each in YarnApplicationState if not each.ended)


class Publisher:
    """The administrator who publishes it, and sees what runs.

    Args:
        cluster: The cluster.
        folder: For a ticket.

    Attributes:
        root: Its folder in HDFS.
        env: The administrator's variables.
        java_settings: What Spark's JVMs need on this kind of cluster.
    """

    root = "/spark-of-tests"

    def __init__(self, cluster: HadoopCluster, folder: Path) -> None:
        self._hadoop = cluster.env["HADOOP_CONF_DIR"]
        self.env = {**cluster.env, "SKEIN_CONFIG": str(folder)}
        self.java_settings: dict[str, str] = {}
        self._began = time.time() * 1000  # noqa: TID251  # as YARN counts
        if cluster.options.kerberos:
            asyncio.run(cluster.kinit("hdfs", folder / "ticket"))
            self.env["KRB5CCNAME"] = str(folder / "ticket")
            named = f"-Djava.security.krb5.conf={cluster.env['KRB5_CONFIG']}"
            self.java_settings = {
                "spark.driver.extraJavaOptions": named,
                "spark.executor.extraJavaOptions": named,
            }

    def publish(self) -> PublishedSpark:
        """Publish it, unless it is; without class data, which take a minute of CPU."""
        command = (sys.executable, "-m", "yarnhub.cli.main", "spark", "publish", "--no-class-data")
        done = subprocess.run(
            [*command, "--root", self.root, "--from", str(PYTHON)],
            env=self.env,
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return asyncio.run(self._found())

    def kernel_of_alice(
        self, published: PublishedSpark, python: Path, **changes: object
    ) -> KernelRequest:
        """A request for a kernel with Spark.

        Args:
            published: What it uses.
            python: Its Python.
            changes: Keys of its kernelspec; those of `spark` are properties of Spark.
        """
        own = changes.pop("spark", {})
        assert isinstance(own, dict)
        settings = {**LOOPBACK, **self.java_settings, **own}
        return self._request(
            {
                **kernelspec_files(published),
                "spark": yarnhub_spark_settings(published, settings),
                **changes,
            },
            python,
        )

    def kernel_with_installed_spark(self, python: Path, **properties: str) -> KernelRequest:
        """The same with the nodes' own Spark, which nobody has to publish and to fetch.

        Args:
            python: The kernel's Python.
            properties: Properties of Spark, without `spark.` and with `_` for each dot.
        """
        (pyspark,) = PYTHON.parent.parent.glob("lib/python3*/site-packages/pyspark")
        zips = sorted((pyspark / "python" / "lib").glob("*.zip"))
        settings = {
            **LOOPBACK,
            **self.java_settings,
            "spark.executorEnv.PYTHONPATH": str(pyspark.parent),
            "spark.yarn.jars": f"local:{pyspark / 'jars'}/*",
            "spark.yarn.isPython": "false",
            **{f"spark.{name.replace('_', '.')}": value for name, value in properties.items()},
        }
        links = [f"ln -s {each} {each.name}\n" for each in zips]
        config = {
            "prologue": "".join([f"ln -s {pyspark / 'jars'} {LIBS}\n", *links]),
            "spark": {
                "version": "4.3.0",
                "libs": LIBS,
                "python": [each.name for each in zips],
                "archive": "",
                "python_urls": [],
                "settings": settings,
            },
        }
        return self._request(config, python)

    def _request(self, config: Mapping[str, object], python: Path) -> KernelRequest:
        usual = {
            "memory": "1536 MiB",
            "python": str(python),
            "env": {"HADOOP_CONF_DIR": self._hadoop},
        }
        argv = (str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}")
        return kernelspec.request_of(
            kernelspec.read({**usual, **config}),
            kernelspec.Kernelspec(name="spark", argv=argv),
            id=str(uuid.uuid4()),
            owner="alice",
            user="alice",
            asked={},
        )

    async def _found(self) -> PublishedSpark:
        async with user_file_system(Settings.from_environment(self.env)) as file_system:
            return await find_version(file_system, self.root)

    async def running(self) -> list[tuple[str, str]]:
        """The users and ids of Spark's applications that have begun since then, and not ended."""
        asked = GetApplicationsRequest(application_types=("SPARK",), application_states=_NOT_ENDED)
        async with Client(Settings.from_environment(self.env)) as client:
            found = await client.resource_manager.get_applications(asked)
        since = [each for each in found if each.start_time >= self._began]
        return [(each.user, str(each.application_id)) for each in since]

    async def none_runs(self) -> None:
        """Wait until all have ended."""
        found = await self.running()
        try:
            async with asyncio.timeout(60):
                while found:
                    await asyncio.sleep(0.5)
                    found = await self.running()
        except TimeoutError as error:
            raise AssertionError(f"{found} still run") from error
