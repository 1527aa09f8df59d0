"""A Dask cluster outlives its delegation tokens, and has new ones after its server was away."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from e2e.long_run import short_lived
from integrations.dask_gateway.containers import scheduler_folder
from integrations.dask_gateway.kerberos_login import CONFIG, OURS, tickets
from integrations.dask_gateway.server import DaskGatewayServer, services_keytab
from yarnhub.base.errors import AuthenticationError
from yarnhub.client.access.settings import Settings
from yarnhub.filesystem.name_node import find_name_nodes
from yarnhub.filesystem.webhdfs import WebHdfsFileSystem
from yarnhub.filesystem.webhdfs_requests import DelegationToken
from yarnhub.hadoop.security.kerberos import Keytab
from yarnhub.hadoop.token_file import read_token_file
from yarnhub.hadoop.wire.identifiers import HDFS

if TYPE_CHECKING:
    from pathlib import Path

    from yarnhub.cluster import HadoopCluster
    from yarnhub.hadoop.wire.tokens import Token

pytestmark = [pytest.mark.cluster, pytest.mark.waits, pytest.mark.timeout(240)]

LIFETIME = 20
"""Seconds of a token, which has to be renewed after half of them."""


async def test_a_cluster_outlives_its_tokens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with short_lived(LIFETIME) as cluster:
        monkeypatch.setenv("KRB5_CONFIG", cluster.env["KRB5_CONFIG"])
        config = CONFIG.format(
            keytab=str(cluster.keytab("dask")),
            services=str(services_keytab(cluster)),
            authenticator=OURS,
        )
        config += 'c.DBBackendBase.db_url = "sqlite:///gateway.sqlite"\n'
        async with (
            DaskGatewayServer(tmp_path / "gateway", cluster, config) as server,
            tickets(cluster, server, "alice") as alice,
        ):
            answer = await alice.post("", json={})
            assert answer.status_code == 201, answer.text
            name = answer.json()["name"]
            file = await scheduler_folder(name) / "container_tokens"
            seen = [await newest(file)]
            assert await is_accepted(cluster, seen[0])
            while len(seen) < 4:
                seen.append(await newest(file, seen[-1]))
                assert await is_accepted(cluster, seen[-1])
            assert not await is_accepted(cluster, seen[0])

            await server.kill()
            async with asyncio.timeout(3 * LIFETIME):
                while await is_accepted(cluster, await newest(file)):
                    await asyncio.sleep(0.5)
            await server.start()
            assert await is_accepted(cluster, await newest(file, await newest(file)))
            await alice.delete(name)


async def newest(file: Path, before: Token | None = None) -> Token:
    """The token in a container's file, once it is not the one from before."""
    async with asyncio.timeout(3 * LIFETIME):
        while True:
            token = read_token_file(file).find(HDFS)
            assert token is not None
            if before is None or token.identifier != before.identifier:
                return token
            await asyncio.sleep(0.2)


async def is_accepted(cluster: HadoopCluster, token: Token) -> bool:
    """Whether HDFS takes a token, for its user."""
    settings = Settings.from_environment(cluster.env, Keytab(cluster.keytab("dask"), "dask"))
    service = find_name_nodes("", settings.configuration)
    identity, trust = DelegationToken(token), settings.trust
    async with WebHdfsFileSystem(service.uri, service.web, identity, trust=trust) as hdfs:
        try:
            return await hdfs.status("/user/alice") is not None
        except AuthenticationError:
            return False
