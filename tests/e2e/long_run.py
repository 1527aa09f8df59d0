"""An application of alice's that works in HDFS for longer than a token lives.

`python tests/e2e/long_run.py 60 300` starts a cluster whose tokens live for 60 s, runs the
application for 300 s, and prints what it has done.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yarnhub.base.units import MiB, VCores
from yarnhub.client.access.settings import Settings
from yarnhub.client.client import Client
from yarnhub.client.submit import appmaster_zip
from yarnhub.cluster import HadoopCluster
from yarnhub.cluster.options import ClusterOptions
from yarnhub.filesystem.name_node import find_name_nodes
from yarnhub.hadoop.security.kerberos import Keytab
from yarnhub.hadoop.wire.identifiers import HDFS
from yarnhub.spec import ACLs, ApplicationSpec, File, FileType, Master, Resources, Service

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from yarnhub.yarn.records.ids import ApplicationId

SKEIN = Path(sys.executable).parent / "skein"

# Runs in a container, as alice, with nothing but the token file: no ticket, no password.
WORK = """
import asyncio, json, os, sys, time
from contextlib import aclosing
from pathlib import Path
sys.path.insert(0, "yarnhub.zip")
from yarnhub.control import bootstrap
from yarnhub.control.json import load
from yarnhub.filesystem.webhdfs import WebHdfsFileSystem
from yarnhub.filesystem.webhdfs_requests import DelegationToken
from yarnhub.hadoop.trust import Trust
from yarnhub.hadoop.wire.tokens import TokenStorage

async def main(uri, web, kind, seconds):
    began, rounds, seen = time.monotonic(), 0, []
    while time.monotonic() < began + float(seconds):
        data = Path(os.environ["HADOOP_TOKEN_FILE_LOCATION"]).read_bytes()
        credentials = TokenStorage.read(data)
        token, trust = credentials.find(kind), load(Trust, credentials.secrets[bootstrap.TRUST])
        if token.identifier not in seen:
            seen.append(token.identifier)
        identity = DelegationToken(token)
        async with WebHdfsFileSystem(uri, [web], identity, trust=lambda: trust) as files:
            path = f"/user/alice/long-run/{os.environ['CONTAINER_ID']}"
            content = f"round {rounds}".encode() * 1000
            status = await files.write(path, content)
            assert status.owner == "alice", status
            async with aclosing(files.read(path)) as chunks:
                assert b"".join([chunk async for chunk in chunks]) == content
        rounds += 1
        await asyncio.sleep(0.5)
    print(json.dumps({"seconds": time.monotonic() - began, "rounds": rounds, "tokens": len(seen)}))

asyncio.run(main(*sys.argv[1:]))
"""


@dataclass(frozen=True)
class Ran:
    """How an application went."""

    status: str
    diagnostics: str
    said: str
    """By `skein token keep`."""
    logs: str

    @property
    def result(self) -> dict[str, Any]:
        """What the script printed last."""
        (line,) = (each for each in self.logs.splitlines() if each.startswith('{"seconds"'))
        return dict(json.loads(line))


@contextlib.asynccontextmanager
async def short_lived(lifetime: float) -> AsyncIterator[HadoopCluster]:
    """A cluster with Kerberos whose tokens live so many seconds, half of them without renewal."""
    longest, renewal = str(int(lifetime * 1000)), str(int(lifetime * 500))
    name_node, manager = "dfs.namenode.delegation", "yarn.resourcemanager.delegation"
    site = {
        "core-site.xml": {
            # The ResourceManager gets tokens for the NodeManagers' gathering of logs.
            "hadoop.proxyuser.yarn.hosts": "*",
            "hadoop.proxyuser.yarn.users": "alice",
        },
        "hdfs-site.xml": {
            f"{name_node}.token.max-lifetime": longest,
            f"{name_node}.token.renew-interval": renewal,
            f"{name_node}.key.update-interval": longest,
        },
        "yarn-site.xml": {
            f"{manager}.token.max-lifetime": longest,
            f"{manager}.token.renew-interval": renewal,
            f"{manager}.key.update-interval": longest,
            "yarn.resourcemanager.proxy-user-privileges.enabled": "true",
        },
    }
    cluster = HadoopCluster(ClusterOptions(kerberos=True, site=site))
    await cluster.start()
    try:
        yield cluster
    finally:
        await cluster.stop()


class Hub:
    """A service that runs applications for users, with its keytab."""

    def __init__(self, cluster: HadoopCluster, folder: Path) -> None:
        self._login = cluster.keytab("jupyterhub"), f"jupyterhub@{cluster.realm}"
        self._folder = folder
        self._env = {
            **cluster.env,
            "SKEIN_CONFIG": str(folder / ".skein"),
            "KRB5CCNAME": f"FILE:{folder / 'ticket'}",
        }
        self._settings = Settings.from_environment(self._env, Keytab(*self._login))

    def application(self, seconds: float, attempts: int) -> ApplicationSpec:
        """Works in HDFS for so long."""
        (self._folder / "work.py").write_text(WORK)
        with zipfile.ZipFile(io.BytesIO(appmaster_zip.build())) as built:
            built.extract("modules.zip", self._folder)
        service = find_name_nodes("", self._settings.configuration)
        resources = Resources(memory=MiB(128), vcores=VCores(1))
        code = File(source=str(self._folder / "modules.zip"), type=FileType.FILE)
        work = Service(
            resources=resources,
            files={"work.py": File(source=str(self._folder / "work.py")), "yarnhub.zip": code},
            script=f"python3 work.py {service.uri} {service.web[0]} {HDFS} {seconds:g}",
        )
        return ApplicationSpec(
            name="long run",
            user="alice",
            services={"work": work},
            max_attempts=attempts,
            acls=ACLs(enable=True, view_users=["jupyterhub"]),
            master=Master(resources=resources),
        )

    async def run(self, seconds: float, *, keep: bool, fail_after: float | None = None) -> Ran:
        """Run the application to its end, with `skein token keep` beside it or without.

        With `fail_after` its ApplicationMaster has to be started anew after so many seconds.
        """
        keytab, principal = map(str, self._login)
        async with (
            Client(self._settings) as client,
            Client(self._settings.acting_for("alice")) as alice,
            asyncio.TaskGroup() as group,
        ):
            attempts = 1 if fail_after is None else 2
            number = await client.submit(self.application(seconds, attempts))
            if fail_after is not None:
                group.create_task(fail_master(alice, number, fail_after))
            said = ""
            if keep:
                login = ("--keytab", keytab, "--principal", principal)
                said = await self._skein("token", "keep", str(number), *login)
            report = await client.wait(number, deadline=seconds + 90)
        logs = await self._skein("application", "logs", str(number), "--user", "alice")
        return Ran(report.final_application_status.name, report.diagnostics, said, logs)

    async def _skein(self, *words: str) -> str:
        process = await asyncio.create_subprocess_exec(
            SKEIN, *words, env=self._env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        try:
            output, _ = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
        assert process.returncode == 0, output.decode()
        return output.decode()


async def fail_master(client: Client, number: ApplicationId, seconds: float) -> None:
    """Have YARN start the next attempt, just after the next new tokens that are brought then."""
    async with await client.connect(number) as application:
        await asyncio.sleep(seconds)
        last = (await application.get_tokens()).number
        while not (await application.get_tokens(last, patience=20)).tokens:
            pass
    report = await client.application_report(number)
    assert report.current_application_attempt_id is not None
    await client.resource_manager.fail_application_attempt(report.current_application_attempt_id)


async def main(lifetime: float, seconds: float) -> None:
    """Run it with its tokens kept, once more with another ApplicationMaster, and without."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with short_lived(lifetime) as cluster:
            os.environ["KRB5_CONFIG"] = cluster.variables["KRB5_CONFIG"]  # noqa: TID251
            await cluster.kinit("jupyterhub", folder / "ticket")
            hub = Hub(cluster, folder)
            async with asyncio.TaskGroup() as group:
                runs = [
                    group.create_task(hub.run(seconds, keep=True)),
                    group.create_task(hub.run(seconds, keep=True, fail_after=lifetime)),
                    group.create_task(hub.run(seconds, keep=False)),
                ]
            for run in runs:
                ran = run.result()
                sys.stdout.write(f"{ran.status}\n{ran.diagnostics}\n{ran.said}\n{ran.logs}\n")


if __name__ == "__main__":
    asyncio.run(main(*map(float, sys.argv[1:])))
