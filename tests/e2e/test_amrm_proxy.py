"""A cluster whose nodes stand for the scheduler, as in a federation, and give what is left over."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from yarnhub.base.units import MiB, VCores
from yarnhub.client.access.settings import Settings
from yarnhub.client.client import Client
from yarnhub.cluster import HadoopCluster
from yarnhub.cluster.ports import choose_ports
from yarnhub.spec import ApplicationSpec, Resources, Service
from yarnhub.yarn.records.applications import FinalApplicationStatus

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(240)]


async def test_containers_come_by_the_nodes_proxy(tmp_path: Path) -> None:
    port = choose_ports(["proxy"], {})["proxy"]
    site = {
        "yarn-site.xml": {
            "yarn.nodemanager.amrmproxy.enabled": "true",
            "yarn.nodemanager.amrmproxy.address": f"localhost:{port}",
            "yarn.nodemanager.distributed-scheduling.enabled": "true",
            "yarn.resourcemanager.opportunistic-container-allocation.enabled": "true",
            "yarn.nodemanager.opportunistic-containers-max-queue-length": "10",
        }
    }
    resources = Resources(memory=MiB(32), vcores=VCores(1))
    service = Service(resources=resources, script="true", instances=2)
    async with HadoopCluster(site=site) as cluster:
        settings = Settings.from_environment(
            {**cluster.env, "SKEIN_CONFIG": str(tmp_path / "skein")}
        )
        async with Client(settings) as client:
            application = await client.submit(ApplicationSpec(services={"worker": service}))
            report = await client.wait(application, deadline=90)
            assert report.final_application_status is FinalApplicationStatus.SUCCEEDED
