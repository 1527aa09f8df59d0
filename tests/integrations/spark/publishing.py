"""A Spark that is published for the tests of a cluster."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING

from integrations.spark import unpacked
from yarnhub.client.access.settings import Settings
from yarnhub.client.client import Client
from yarnhub.client.files.file_systems import user_file_system
from yarnhub.integrations.spark.driver.java import LIBS
from yarnhub.integrations.spark.kernelspec import kernelspec_files, yarnhub_spark_settings
from yarnhub.integrations.spark.published import PublishedFile, find_version, write_manifest
from yarnhub.kernels import kernelspec
from yarnhub.yarn.records.applications import YarnApplicationState
from yarnhub.yarn.records.resource_manager import GetApplicationsRequest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from yarnhub.cluster import HadoopCluster
    from yarnhub.filesystem.port import FileSystem
    from yarnhub.integrations.spark.published import PublishedSpark
    from yarnhub.kernels.request import KernelRequest

PYTHON = unpacked.PYTHON
LOOPBACK = {"spark.executor.memory": "512m", "spark.executorEnv.SPARK_LOCAL_IP": "127.0.0.1"}
"""Settings for a small cluster on one machine."""
_NOT_ENDED = tuple(each for each in YarnApplicationState if not each.ended)
_PUBLISHED: dict[str, PublishedSpark] = {}
"""By the cluster's configuration: to see that it is published takes seconds, for all jars are
read."""


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
        """Publish it, unless it is, with the class data that was made for tests, if it was."""
        if self._hadoop not in _PUBLISHED:
            self._publish()
            _PUBLISHED[self._hadoop] = asyncio.run(self._found())
        return _PUBLISHED[self._hadoop]

    def _publish(self) -> None:
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
        pyspark = unpacked.installed_pyspark()
        zips = sorted((pyspark / "python" / "lib").glob("*.zip"))
        libs, class_data = unpacked.links()
        settings = {
            **LOOPBACK,
            **self.java_settings,
            "spark.executorEnv.PYTHONPATH": str(pyspark.parent),
            "spark.yarn.jars": f"local:{pyspark / 'jars'}/*",
            "spark.yarn.isPython": "false",
            **{f"spark.{name.replace('_', '.')}": value for name, value in properties.items()},
        }
        links = {**libs, **{each.name: each for each in zips}}
        config = {
            "prologue": "".join(f"ln -s {each} {name}\n" for name, each in links.items()),
            "spark": {
                "version": "4.3.0",
                "libs": LIBS,
                "class_data": class_data,
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
            found = await find_version(file_system, self.root)
            return await _with_class_data(file_system, found)

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


async def _with_class_data(file_system: FileSystem, published: PublishedSpark) -> PublishedSpark:
    """The same with the class data that was made for tests, if it was."""
    made = unpacked.find()
    if made is None or made.java_build in published.class_data:
        return published
    url = f"{published.folder}/{made.class_data.name}"
    uploaded = PublishedFile.of(await file_system.upload(made.class_data, url, 0o644))
    more = {**published.class_data, made.java_build: uploaded}
    changed = replace(published, class_data=more)
    await write_manifest(file_system, changed)
    return changed
