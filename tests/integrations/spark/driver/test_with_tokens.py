"""A kernel with Spark on a cluster with Kerberos: it has tokens only, which the launcher gives."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from integrations.spark.driver.started_kernel import (
    Answers,
    StartedKernel,
    started,
)
from integrations.spark.unpacked import PYTHON, installed_pyspark
from yarnhub.client import Client
from yarnhub.client.access.settings import Settings
from yarnhub.client.tokens.submission import fetch_tokens, token_sources
from yarnhub.hadoop.security.kerberos import Keytab
from yarnhub.hadoop.wire.tokens import TokenStorage
from yarnhub.yarn.records.ids import ApplicationId

if TYPE_CHECKING:
    from collections.abc import Iterator

    from yarnhub.cluster import HadoopCluster

pytestmark = [pytest.mark.spark, pytest.mark.cluster, pytest.mark.jupyter]

USERS = """
import getpass
remote = sc.parallelize([1]).map(lambda x: getpass.getuser()).first()
print(getpass.getuser(), sc.sparkUser(), remote)
"""
DRIVER = """
user = sc._jvm.org.apache.hadoop.security.UserGroupInformation.getCurrentUser()
tokens = user.getTokens().toArray()
kinds = [each.getKind().toString() for each in tokens]
print(user.hasKerberosCredentials(), sorted(kinds))
"""
NUMBERS = """
[each.decodeIdentifier().getSequenceNumber() for each in user.getTokens().toArray()
 if each.getKind().toString() == "HDFS_DELEGATION_TOKEN"]
"""

COUNTED = "sc.parallelize([1]).count(); print(sc.applicationId)"


async def new_tokens(alice: Settings) -> bytes:
    """A token file for Spark: the ResourceManager renews what is in it."""
    renewer = alice.configuration.get("yarn.resourcemanager.principal") or ""
    found = await fetch_tokens(await token_sources(alice), alice.user, renewer)
    return TokenStorage({each.service: each for each in found.values()}).write()


@pytest.fixture
def kernel(
    kerberos_cluster: HadoopCluster, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[StartedKernel, Answers, Settings]]:
    monkeypatch.setenv("KRB5_CONFIG", kerberos_cluster.env["KRB5_CONFIG"])
    keytab = Keytab(str(kerberos_cluster.keytab("jupyterhub")), "jupyterhub")
    alice = Settings.from_environment(kerberos_cluster.env, keytab).acting_for("alice")
    java = kerberos_cluster.env["JAVA_TOOL_OPTIONS"]
    settings = {
        "spark.executor.memory": "512m",
        "spark.executorEnv.SPARK_LOCAL_IP": "127.0.0.1",
        "spark.executorEnv.JAVA_TOOL_OPTIONS": java,
        "spark.executorEnv.PYTHONPATH": f"{installed_pyspark().parent}",
        "spark.yarn.jars": f"local:{installed_pyspark() / 'jars'}/*",
        "spark.yarn.isPython": "false",
        "spark.dynamicAllocation.maxExecutors": "1",
    }
    env = {
        "HADOOP_CONF_DIR": kerberos_cluster.env["HADOOP_CONF_DIR"], "USER": "alice",
        "JAVA_TOOL_OPTIONS": java, "PYSPARK_PYTHON": str(PYTHON),
    }  # fmt: skip
    folder = Path(tempfile.mkdtemp(prefix="yarnhub-spark-"))  # pytest's are root's only
    try:
        with started(folder, settings, "alice", **env) as kernel:
            answers = Answers(folder)
            answers.tokens = asyncio.run(new_tokens(alice))
            try:
                yield kernel, answers, alice
            finally:
                answers.close()
    finally:
        shutil.rmtree(folder)


def test_a_session_has_the_user_s_tokens(
    kernel: tuple[StartedKernel, Answers, Settings],
) -> None:
    started, answers, alice = kernel
    assert started.good(USERS, 200).splitlines()[-1] == "alice alice alice"
    shown = started.good(DRIVER)
    assert shown.startswith("False")
    assert "HDFS_DELEGATION_TOKEN" in shown
    started.good("spark.range(1000).write.mode('overwrite').parquet('/user/alice/t.parquet')")
    assert started.good("spark.read.parquet('/user/alice/t.parquet').count()") == "1000"
    refused = started.run("spark.range(3).write.parquet('/user/bob/t.parquet')")
    assert "Permission denied" in refused.error + refused.text, refused
    (file,) = started.folder.glob(".spark-*/tokens")
    assert file.stat().st_mode & 0o777 == 0o600
    # Newer tokens replace those of a session that runs.
    before = started.good(NUMBERS)
    newer = started.folder / "work" / "newer"
    newer.write_bytes(asyncio.run(new_tokens(alice)))
    started.good(
        f"from yarnhub_spark.tokens import push; push(sc, open({str(newer)!r}, 'rb').read())"
    )
    started.good(f"import time\nwhile ({NUMBERS.strip()}) == {before}: time.sleep(0.1)", 30)
    # A later session has tokens of its own.
    started.good("spark.stop()")
    answers.tokens = asyncio.run(new_tokens(alice))
    assert started.good("print(spark.range(5).count())", 200) == "5"
    assert answers.asked.count("tokens") == 2


def test_the_service_sees_what_a_session_uses_that_names_it(
    kernel: tuple[StartedKernel, Answers, Settings], kerberos_cluster: HadoopCluster
) -> None:
    started, answers, alice = kernel
    keytab = Keytab(str(kerberos_cluster.keytab("jupyterhub")), "jupyterhub")
    service = Settings.from_environment(kerberos_cluster.env, keytab)
    answers.room = {"viewer": service.user_name}
    application = started.good(COUNTED, 200)
    asyncio.run(until_seen(service, application, 1))
    started.good("spark.stop()")
    # Others do not: the cluster has ACLs.
    answers.room, answers.tokens = {}, asyncio.run(new_tokens(alice))
    application = started.good(COUNTED, 200)
    asyncio.run(until_seen(service, application, -1))


async def until_seen(viewer: Settings, application: str, expected: int) -> None:
    """Wait until an application has this many containers, as YARN shows them to a user."""
    shown, application_id = None, ApplicationId.parse(application)
    try:
        async with asyncio.timeout(60), Client(viewer) as client:
            while shown != expected:
                report = await client.application_report(application_id)
                shown = report.app_resource_usage.num_used_containers
                await asyncio.sleep(0.5)
    except TimeoutError:
        pytest.fail(f"{application} has {shown} containers, not {expected}")
