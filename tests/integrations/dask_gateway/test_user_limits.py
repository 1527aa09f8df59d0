"""What counts for the limits of dask-gateway's users."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from dask_gateway_server.backends.db_base import JobStatus

from yarnhub.base.errors import ConfigurationError
from yarnhub.integrations.dask_gateway.backend import YarnBackend
from yarnhub.integrations.dask_gateway.user_limits import GROUPS, UserLimits
from yarnhub.sessions.limited_kinds import CLUSTERS
from yarnhub.sessions.limits import Limit, LimitReachedError, Limits

CONFIG = SimpleNamespace(scheduler_memory=100, scheduler_cores=1, worker_memory=10, worker_cores=2)


def cluster(user: str, *statuses: JobStatus, count: int = 0, **more: Any) -> Any:
    workers = {str(number): SimpleNamespace(status=each) for number, each in enumerate(statuses)}
    values = {
        "username": user,
        "config": CONFIG,
        "status": JobStatus.RUNNING,
        "target": JobStatus.RUNNING,
        "workers": workers,
        "count": count,
        "state": {},
    }
    return SimpleNamespace(**(values | more))


def limits(*clusters: Any, **given: Limit | dict[str, Limit]) -> UserLimits:
    chosen: dict[str, Any] = given
    return UserLimits(lambda: Limits(kind=CLUSTERS, **chosen), lambda: clusters)


def test_workers_that_are_wanted_or_may_still_run_count() -> None:
    wanted = cluster("alice", count=3)
    # One that its scheduler has reported as gone counts until YARN has.
    closing = cluster("alice", JobStatus.FAILED)
    ended = cluster("alice", JobStatus.RUNNING, status=JobStatus.STOPPED)
    other = cluster("bob", count=100)
    held = limits(wanted, closing, ended, other, user=Limit(vcores=10))
    with pytest.raises(LimitReachedError, match="10 cores of 10 cores in use"):
        held.check_start("alice", (), CONFIG)  # two schedulers, three and one workers
    assert held.most_workers(wanted) == 3
    with pytest.raises(LimitReachedError, match="needs 4 cores more"):
        held.check_workers(wanted, 5)
    held.check_workers(wanted, 3)


def test_a_cluster_that_ends_does_not_count_what_it_was_to_have() -> None:
    ending = cluster("alice", JobStatus.CLOSING, count=5, target=JobStatus.STOPPED)
    new = cluster("alice")
    assert limits(ending, new, user=Limit(vcores=10)).most_workers(new) == 3


def test_groups_are_known_again_after_a_restart() -> None:
    alice = cluster("alice", count=1, state={GROUPS: ["ml"]})
    carol = cluster("carol", count=1)
    held = limits(alice, carol, groups={"ml": Limit(memory=400)})
    assert held.most_workers(alice) == 1 + 29
    held.check_start("carol", {"ml"}, CONFIG)
    assert held.most_workers(alice) == 1 + 18
    with pytest.raises(LimitReachedError, match=r"group ml: .* in use"):
        held.check_start(
            "carol", {"ml"}, SimpleNamespace(**vars(CONFIG) | {"scheduler_memory": 181})
        )


def test_without_limits_nothing_is_limited() -> None:
    alice = cluster("alice", count=5)
    assert limits(alice).most_workers(alice) is None


def test_a_limit_that_is_lowered_ends_nothing_and_refuses_more() -> None:
    running, now = cluster("alice", count=3), [Limit(vcores=20)]
    held = UserLimits(lambda: Limits(kind=CLUSTERS, user=now[0]), lambda: [running])
    assert held.most_workers(running) == 9
    now[0] = Limit(vcores=3)
    assert held.most_workers(running) == 3
    held.check_workers(running, 3)
    with pytest.raises(LimitReachedError, match="7 cores of 3 cores in use"):
        held.check_workers(running, 4)
    with pytest.raises(LimitReachedError, match="or ask an administrator"):
        held.check_start("alice", (), CONFIG)


def test_the_setting_of_the_database_is_checked() -> None:
    backend: Any = YarnBackend(limits_database="mysql://host/x")
    with pytest.raises(ConfigurationError, match=r"YarnBackend\.limits_database: only SQLite"):
        backend.shared_limits()
