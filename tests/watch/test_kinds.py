"""What applications are for: the specifications of all parts of yarnhub, and what users submit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from yarnhub.client.submit.submission import APPLICATION_TYPE
from yarnhub.environments.cluster_build.application import BuildOptions, build_application
from yarnhub.integrations.dask_gateway import specification as dask_gateway
from yarnhub.integrations.dask_yarn import specification as dask_yarn
from yarnhub.integrations.dask_yarn.configuration import configured
from yarnhub.integrations.jupyterhub.server_request import SERVICE as SERVER
from yarnhub.integrations.spark.batch import APPLICATION_TYPE as SPARK
from yarnhub.kernels.companions import Companions
from yarnhub.kernels.local_holder import SERVICE as KERNEL
from yarnhub.sessions.request import SessionRequest
from yarnhub.sessions.tags import HubTags
from yarnhub.watch.kinds import Kind, kind_of
from yarnhub.yarn.records.applications import ApplicationReport
from yarnhub.yarn.records.ids import ApplicationId

if TYPE_CHECKING:
    from collections.abc import Iterable

    from yarnhub.spec import ApplicationSpec

_PROCESS = dask_gateway.Process(memory=1, cores=1, setup="", command=["run"], environment={})


def session(kind: str) -> ApplicationSpec:
    hub = HubTags(b"secret", kind)
    return SessionRequest(
        user="alice", owner="alice", hub=hub, name="n", memory=2**30, command=["run"]
    ).specification


SPECIFICATIONS = {
    Kind.SERVER: session(SERVER),
    Kind.KERNEL: session(KERNEL),
    Kind.BUILD: build_application("table", "hdfs:///environments", BuildOptions(), {}),
    Kind.DASK: dask_gateway.specification(
        cluster="0123", user="alice", queue="q", files={}, scheduler=_PROCESS, worker=_PROCESS
    ),
}


def kind(type_: str, name: str = "", tags: Iterable[str] = ()) -> Kind:
    return kind_of(
        ApplicationReport(
            application_id=ApplicationId(id=1, cluster_timestamp=1),
            application_type=type_,
            name=name,
            application_tags=tuple(sorted(tags)),
        )
    )


@pytest.mark.parametrize("expected", SPECIFICATIONS)
def test_what_yarnhub_submits_is_recognized(expected: Kind) -> None:
    spec = SPECIFICATIONS[expected]
    assert kind(APPLICATION_TYPE, spec.name, spec.tags) is expected
    assert kind(APPLICATION_TYPE, "renamed", spec.tags) is expected, "by a hook of a hub"


def test_dask_clusters_without_tags_are_recognized_by_name() -> None:
    spec = dask_yarn.specification(configured(environment="python:///opt/python"))
    assert kind(APPLICATION_TYPE, spec.name, spec.tags) is Kind.DASK
    assert kind(APPLICATION_TYPE, "dask-gateway") is Kind.DASK


def test_spark_is_recognized_by_its_type_also_of_a_kernel() -> None:
    assert kind(SPARK, "kernel", Companions(None, "common").tags("7")) is Kind.SPARK  # type: ignore[arg-type]  # not used
    assert kind("spark") is Kind.SPARK


@pytest.mark.parametrize(
    ("type_", "name", "tags"),
    [
        ("MAPREDUCE", "kernel", ("jupyterhub",)),
        (APPLICATION_TYPE, "kernel", ("kernels", "Kernel")),
        (APPLICATION_TYPE, "", ()),
        ("", "dask", ()),
    ],
)
def test_the_rest_is_something_else(type_: str, name: str, tags: tuple[str, ...]) -> None:
    assert kind(type_, name, tags) is Kind.OTHER
