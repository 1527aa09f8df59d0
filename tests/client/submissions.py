"""Applications to submit, and what a submission carries."""

from __future__ import annotations

import dataclasses
from typing import Any

from yarnhub.base.units import MiB, VCores
from yarnhub.client.submit.masters import ManagedMaster
from yarnhub.client.submit.submission import Submission
from yarnhub.hadoop.wire.tokens import Token
from yarnhub.spec import ApplicationSpec, Resources, Service
from yarnhub.yarn.records.cluster import NodeReport
from yarnhub.yarn.records.ids import ApplicationId, NodeId

TOKEN = Token(b"id", b"secret", "HDFS_DELEGATION_TOKEN", "10.0.0.1:8020")
RESOURCES = Resources(memory=MiB(64), vcores=VCores(1))
SERVICE = Service(resources=RESOURCES, script="run")


def submission(spec: ApplicationSpec, **changes: Any) -> Submission:
    return dataclasses.replace(
        Submission(
            application_id=ApplicationId(id=4, cluster_timestamp=1700000000000),
            spec=spec,
            user="alice",
            schedulers=("rm1:8030", "rm2:8030"),
            resource_managers=("rm1:8032", "rm2:8032"),
            web_proxies=("http://rm1:8088", "http://rm2:8088"),
            nodes=(NodeReport(node_id=NodeId(host="h1", port=1), rack_name="/r"),),
            master=ManagedMaster(b"zip"),
            certificate=b"certificate",
            key=b"key",
            tokens={"10.0.0.1:8020": TOKEN},
            language="C.UTF-8",
            simple_authentication=True,
        ),
        **changes,
    )


def spec(**changes: Any) -> ApplicationSpec:
    return ApplicationSpec(**{"services": {"a": SERVICE}, **changes})


def sleeper(user: str = "") -> ApplicationSpec:
    resources = Resources(memory=MiB(64), vcores=VCores(1))
    service = Service(resources=resources, script="sleep 100")
    return ApplicationSpec(user=user, services={"s": service})
