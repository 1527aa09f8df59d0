"""Requests for clusters that are refused before anything is sent."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.fernet import Fernet
from dask_gateway_server.backends.base import PublicException
from dask_gateway_server.backends.db_base import DataManager
from dask_gateway_server.models import User
from dask_gateway_server.options import Options
from dask_gateway_server.workqueue import WorkQueue

from yarnhub.base.errors import SpecError
from yarnhub.integrations.dask_gateway import backend as backend_module
from yarnhub.integrations.dask_gateway.admission import (
    MAX_OPTIONS,
    RefusedError,
    check_owner,
    check_size,
    localized,
)
from yarnhub.integrations.dask_gateway.backend import YarnBackend
from yarnhub.integrations.dask_gateway.user_limits import UserLimits
from yarnhub.sessions.limited_kinds import CLUSTERS
from yarnhub.sessions.limits import Limits

if TYPE_CHECKING:
    from pathlib import Path

CLUSTER = {"fs.defaultFS": "hdfs://nn:9000", "dfs.nameservices": "one, two"}
CONFIGURED = {"environment": "/srv/environment.tar.gz", "other": "hdfs://far:9000/a"}


@pytest.mark.parametrize(
    "name",
    [
        "",
        "dask",
        "DASK",
        "hdfs",
        "Yarn",
        "alice@OTHER",
        "alice/host@REALM",
        "a b",
        "alice\n",
        "a:b",
    ],
)
def test_nobody_has_clusters_of_others_by_a_name_like_theirs(name: str) -> None:
    with pytest.raises(RefusedError):
        check_owner(name, "dask", {"hdfs", "yarn"})


def test_users_have_clusters() -> None:
    for name in ("alice", "Bob", "alice.smith-2", "zoë"):
        check_owner(name, "dask", {"hdfs"})
    check_size({"a": "b"}, 9, 10)


def test_options_and_records_have_limits() -> None:
    with pytest.raises(RefusedError, match="options"):
        check_size({"a": "b" * MAX_OPTIONS}, 0, 10)
    with pytest.raises(RefusedError, match="user_record_limit"):
        check_size({}, 10, 10)


async def test_requests_at_the_same_time_do_not_pass_a_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    all_ask = asyncio.Event()

    async def options(_: User) -> Options:
        await all_ask.wait()
        return Options()

    backend: Any = YarnBackend(cluster_options=options, user_record_limit=2)
    backend.db = DataManager(f"sqlite:///{tmp_path / 'gateway.sqlite'}", [Fernet.generate_key()])
    backend.queue, backend._submissions, backend._own_name = WorkQueue(), {}, "dask"
    backend._limits = UserLimits(lambda: Limits(kind=CLUSTERS), backend.db.active_clusters)
    monkeypatch.setattr(backend_module, "_REFUSED", 0)  # nothing is submitted here
    async with asyncio.TaskGroup() as group:
        asking = [group.create_task(refusal(backend, User("alice"))) for _ in range(5)]
        await asyncio.sleep(0)
        all_ask.set()
    assert sorted(bool(each.result()) for each in asking) == [False, False, True, True, True]
    assert len(backend.db.name_to_cluster) == 2
    backend.db.db.dispose()


async def refusal(backend: Any, user: User) -> str:
    """Why a user gets no cluster."""
    try:
        await backend.start_cluster(user, {})
    except PublicException as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    "source",
    [
        "/etc/shadow",
        "etc/shadow",
        "file:///etc/shadow",
        "FILE:/etc/shadow",
        "file://localhost/etc/shadow",
        "hdfs:x/../../etc/shadow",  # no URL for Hadoop, so a path on this machine
        "x:y",
        "hdfs://elsewhere:9000/a",
        "webhdfs://nn:9870/a",
        "http://169.254.169.254/a",
        "hdfs://far:9000/b",
    ],
)
def test_users_choose_files_in_the_clusters_file_systems(source: str) -> None:
    with pytest.raises(SpecError, match=r"^localize_files\.x: "):
        localized({"x": {"source": source, "size": 1, "timestamp": 1}}, CONFIGURED, [], CLUSTER)


def test_files_of_the_cluster_and_of_the_administrator_are_localized() -> None:
    sources = ["hdfs:///a", "hdfs://nn:9000/a", "hdfs://NN:9000/a", "hdfs://two/a", "s3a://b/c"]
    chosen = {**CONFIGURED, **{f"x{number}": each for number, each in enumerate(sources)}}
    found = localized(chosen, CONFIGURED, ["s3a://b"], CLUSTER)
    assert [each.source for each in found.values()] == [*CONFIGURED.values(), *sources]
    with pytest.raises(SpecError):  # under another name it is the user's
        localized({"y": CONFIGURED["environment"]}, CONFIGURED, [], CLUSTER)


@pytest.mark.parametrize("file", [5, None, [], {"source": 5}, {"url": "hdfs:///a"}, {}])
def test_what_is_no_file_is_named(file: object) -> None:
    with pytest.raises(SpecError, match=r"^localize_files\.x"):
        localized({"x": file}, {}, [], CLUSTER)
