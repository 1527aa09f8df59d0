"""More principals for a cluster with Kerberos, and another realm."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from yarnhub.cluster.ports import accepts_connections, choose_ports

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from yarnhub.cluster import HadoopCluster

OTHER = "OTHER.TEST"
CLIENT = """\
[libdefaults]
  default_realm = {realm}
  dns_canonicalize_hostname = false
  rdns = false
  udp_preference_limit = 1
[realms]
  {realm} = {{
    kdc = 127.0.0.1:{port}
  }}
[domain_realm]
  localhost = {realm}
"""
KDC = """\
[realms]
  {realm} = {{
    database_name = {folder}/principal
    key_stash_file = {folder}/stash
    acl_file = {folder}/acl
    kdc_listen = ""
    kdc_tcp_listen = 127.0.0.1:{port}
  }}
"""


@dataclass(frozen=True)
class Realm:
    """A realm whose database is on this machine.

    Attributes:
        name: Its name.
        env: The variables of Kerberos's programs.
    """

    name: str
    env: Mapping[str, str]

    def run(self, *command: str, stdin: str = "") -> None:
        """Run one of Kerberos's programs."""
        subprocess.run(
            command, env=dict(self.env), input=stdin, text=True, check=True, capture_output=True
        )

    def add(self, principal: str, keytab: Path) -> None:
        """Create a principal and add its key to a keytab."""
        commands = f"addprinc -randkey {principal}\nktadd -k {keytab} {principal}\n"
        self.run("kadmin.local", "-r", self.name, stdin=commands)

    def kinit(self, principal: str, keytab: Path, cache: Path, *options: str) -> None:
        """Get a ticket."""
        self.run("kinit", *options, "-c", f"FILE:{cache}", "-kt", str(keytab), principal)


def of_cluster(cluster: HadoopCluster) -> Realm:
    """A cluster's realm."""
    folder = cluster.state / "kerberos"
    env = {**cluster.env, "KRB5_KDC_PROFILE": str(folder / "kdc.conf")}
    return Realm(str(cluster.realm), env)


@contextlib.asynccontextmanager
async def other_realm(folder: Path) -> AsyncIterator[Realm]:
    """A realm that the cluster does not know."""
    folder.mkdir()
    (port,) = choose_ports(["kdc"], {}).values()
    (folder / "krb5.conf").write_text(CLIENT.format(realm=OTHER, port=port))
    (folder / "kdc.conf").write_text(KDC.format(realm=OTHER, port=port, folder=folder))
    env = {
        **os.environ,  # noqa: TID251
        "KRB5_CONFIG": str(folder / "krb5.conf"),
        "KRB5_KDC_PROFILE": str(folder / "kdc.conf"),
    }
    realm = Realm(OTHER, env)
    realm.run("kdb5_util", "-r", OTHER, "create", "-s", stdin="secret\nsecret\n")
    server = await asyncio.create_subprocess_exec("krb5kdc", "-n", "-r", OTHER, env=env)
    try:
        until = time.monotonic() + 30
        while not await accepts_connections(port):
            assert time.monotonic() < until
            await asyncio.sleep(0.05)
        yield realm
    finally:
        server.terminate()
        await server.wait()
