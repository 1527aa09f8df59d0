"""A hub, its proxy and its servers that prove themselves to each other."""

from __future__ import annotations

import re
import ssl
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from hub.hub import SecureHub
from hub.on_yarn import yarn_config

if TYPE_CHECKING:
    from yarnhub.cluster import HadoopCluster

pytestmark = pytest.mark.cluster


async def test_a_server_of_a_hub_with_internal_ssl(
    hadoop_cluster: HadoopCluster, tmp_path: Path
) -> None:
    config = yarn_config(hadoop_cluster, Path(sys.executable))
    async with SecureHub(tmp_path, hadoop_cluster.env, config) as hub:
        await hub.api.post("/users/alice/server")
        async with hub.api.stream("GET", "/users/alice/server/progress", timeout=120) as events:
            said = [line async for line in events.aiter_lines() if line.startswith("data:")]
        assert '"ready": true' in said[-1], hub.tail()
        answer = await hub.api.get(f"{hub.url}/user/alice/api/status")
        assert answer.status_code == httpx.codes.OK
        # A folder of the user's own, with none of YARN's files in it or above.
        model = (await hub.api.get(f"{hub.url}/user/alice/api/contents")).json()
        assert [each["name"] for each in model["content"]] == ["hdfs"]
        for path in ("container_tokens", "../container_tokens", "%2e%2e/container_tokens"):
            answer = await hub.api.get(f"{hub.url}/user/alice/files/{path}")
            assert answer.status_code in {httpx.codes.NOT_FOUND, httpx.codes.FORBIDDEN}
        found = re.search(r"/user/alice/ => (https://[^\s/]+)", hub.log.read_text())
        assert found
        async with httpx.AsyncClient(verify=False, trust_env=False) as nobody:
            with pytest.raises((httpx.TransportError, ssl.SSLError)):
                await nobody.get(f"{found[1]}/user/alice/api")
        await hub.stop_server("alice")
