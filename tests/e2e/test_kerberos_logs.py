"""Logs and explanations where the nodes ask for a ticket, and YARN for who may see what."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
from typing import TYPE_CHECKING

import httpx
import pytest

from e2e.walk import eventually, log_in
from yarnhub.base.units import MiB, VCores
from yarnhub.client.access.settings import Settings
from yarnhub.client.client import Client
from yarnhub.client.logs.application import NothingYet
from yarnhub.client.logs.selection import LogSelection
from yarnhub.hadoop.security.kerberos import Keytab
from yarnhub.spec import ApplicationSpec, Resources, Service
from yarnhub.unmanaged import UnmanagedApplications

if TYPE_CHECKING:
    from pathlib import Path

    from yarnhub.cluster import HadoopCluster

pytestmark = pytest.mark.cluster

SPEC = """\
name: talk
services:
  talker:
    resources: {memory: 64, vcores: 1}
    script: |
      echo "I am $(id -un)"
      sleep 600
"""


async def test_a_service_reads_live_logs_of_what_it_runs_for_its_users(
    kerberos_cluster: HadoopCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = kerberos_cluster
    monkeypatch.setenv("KRB5_CONFIG", cluster.variables["KRB5_CONFIG"])
    credential = Keytab(cluster.keytab("jupyterhub"), f"jupyterhub@{cluster.realm}")
    environment = {**cluster.env, "SKEIN_CONFIG": str(tmp_path / "config")}
    settings = Settings.from_environment(environment, credential)
    service = Service(
        resources=Resources(memory=MiB(64), vcores=VCores(1)), script="id -un; exec sleep 600"
    )
    spec = ApplicationSpec(name="talk", user="alice", services={"talker": service})
    selection = LogSelection(files=frozenset({"talker.log"}))
    async with (
        UnmanagedApplications(settings, folder=tmp_path / "held", host="localhost") as held,
        Client(settings.acting_for("alice")) as client,
    ):
        application = await held.submit(spec)
        try:
            notices: list[str] = []
            chunks = client.logs(
                application.application_id, selection, follow=True, notice=notices.append
            )
            async with asyncio.timeout(60), contextlib.aclosing(chunks):
                said = b""
                while said != b"alice\n":
                    said += (await anext(chunks)).data
            refusals = [each for each in notices if not isinstance(each, NothingYet)]
            assert refusals == [], "its nodes know nobody who acts for somebody else"
        finally:
            await application.kill()


async def test_the_owner_reads_live_logs_and_nobody_else(
    kerberos_cluster: HadoopCluster, tmp_path: Path
) -> None:
    alice = await log_in(kerberos_cluster, "alice", tmp_path / "alice")
    bob = await log_in(kerberos_cluster, "bob", tmp_path / "bob")
    (alice.folder / "talk.yaml").write_text(SPEC)
    application = alice.skein("application", "submit", "talk.yaml").stdout.strip()
    one = ("application", "logs", application, "--container", "talker_0", "--file", "talker.log")
    try:
        eventually(
            lambda: alice.skein(*one, check=False).stdout == "I am alice\n", "it has written"
        )
        (place, *_) = json.loads(
            alice.skein("container", "ls", application, "--output", "json").stdout
        )
        url = f"https://{place['yarn_node_http_address']}/ws/v1/node/containers/"
        url += f"{place['yarn_container_id']}/logs/talker.log"
        # Not to who only claims to be alice.
        tls = ssl.create_default_context(cafile=kerberos_cluster.ca_file)
        async with httpx.AsyncClient(trust_env=False, verify=tls, timeout=60) as http:
            answer = await http.get(url, params={"user.name": "alice"})
        assert answer.status_code == httpx.codes.UNAUTHORIZED

        for command in (one, (*one, "--follow"), ("application", "explain", application)):
            refused = bob.skein(*command, check=False)
            assert (refused.returncode, refused.stdout) == (1, "")
            assert refused.stderr == (
                f"Error: {application} belongs to alice, who does not allow bob to view it\n"
            )
        explained = alice.skein("application", "explain", application).stdout
        assert explained.startswith(f"{application} is RUNNING. It runs, with 1 container")
    finally:
        alice.skein("application", "kill", application)
    followed = alice.skein("application", "logs", application, "--follow", "--file", "talker.log")
    assert followed.stdout == "talker_0 | I am alice\n"
    refused = bob.skein(*one, check=False)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "Permission denied: user=bob" in refused.stderr
