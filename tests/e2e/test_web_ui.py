"""The web pages of an application on a cluster with Kerberos, over the web proxy."""

from __future__ import annotations

import json
import ssl
from typing import TYPE_CHECKING

import httpx
import pytest

from e2e.walk import log_in
from yarnhub.hadoop.conf import Configuration
from yarnhub.yarn.addresses import web_proxies

if TYPE_CHECKING:
    from pathlib import Path

    from yarnhub.cluster import HadoopCluster

pytestmark = pytest.mark.cluster


@pytest.mark.parametrize("enable", [False, True])
async def test_the_web_pages_of_alice(
    kerberos_cluster: HadoopCluster, tmp_path: Path, enable: bool
) -> None:
    alice = await log_in(kerberos_cluster, "alice", tmp_path / "alice")
    sleeper = {"resources": {"memory": 64, "vcores": 1}, "script": "sleep 600"}
    spec = {"name": "pages", "acls": {"enable": enable}, "services": {"sleeper": sleeper}}
    (alice.folder / "pages.yaml").write_text(json.dumps(spec))
    application = alice.skein("application", "submit", "pages.yaml").stdout.strip()
    alice.skein("kv", "put", application, "--key", "the-key", "--value", "the-value")
    (proxy,) = web_proxies(Configuration.load(kerberos_cluster.conf_dir))
    address = f"{proxy}/proxy/{application}/"

    # This cluster's web pages ask for no login: for the proxy everybody is dr.who.
    tls = ssl.create_default_context(cafile=kerberos_cluster.ca_file)
    async with httpx.AsyncClient(verify=tls, timeout=60) as browser:
        overview = await browser.get(f"{address}overview")
        keys = (await browser.get(f"{address}kv")).text
        assert "the-value" not in keys
        if enable:
            assert overview.status_code == 403
            assert "alice does not share these pages with dr.who" in overview.text
            assert "the-key" not in keys
        else:
            assert "sleeper_0" in overview.text
            assert "the-key" in keys
            assert "only alice can see them" in keys
    alice.skein("application", "kill", application)
