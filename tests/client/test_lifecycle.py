"""Finding, ending and moving applications, as who may: against a cluster that is a table."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from yarnhub.base.errors import (
    AccessDeniedError,
    InvalidRequestError,
    QueueAccessDeniedError,
    RemoteError,
)
from yarnhub.client import applications, lifecycle
from yarnhub.client.applications import (
    as_owner,
    find_application,
    find_applications,
)
from yarnhub.client.errors import ApplicationTypeError, QueueRefusedError
from yarnhub.client.filters import ApplicationFilters
from yarnhub.control.messages import FinalStatus
from yarnhub.yarn.records.applications import ApplicationReport, YarnApplicationState
from yarnhub.yarn.records.ids import ApplicationId

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from yarnhub.yarn.records.resource_manager import GetApplicationsRequest

NUMBER = ApplicationId.parse("application_1_0001")
MAY_NOT_ACT = "org.apache.hadoop.security.authorize.AuthorizationException"


def report(**fields: Any) -> ApplicationReport:
    given = {"application_id": NUMBER, "application_type": "skein", "user": "alice", **fields}
    return ApplicationReport(**given)


@dataclass
class Cluster:
    """A client whose user sees, and may do, what the table says."""

    user_name: str = "bob"
    shown: tuple[str, ...] = ("alice", "bob")
    errors: dict[str, Exception] = field(default_factory=dict)
    done: list[tuple[object, ...]] = field(default_factory=list)
    reports: tuple[ApplicationReport, ...] = (report(),)

    def acting_for(self, name: str) -> Cluster:
        return Cluster(name, self.shown, self.errors, self.done, self.reports)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        pass

    @property
    def resource_manager(self) -> Self:
        return self

    async def application_report(self, number: ApplicationId) -> ApplicationReport:
        if self.user_name not in self.shown:
            raise AccessDeniedError(MAY_NOT_ACT, f"{self.user_name} is not shown")
        (found,) = self.reports
        assert found.application_id == number
        return found

    async def applications(self, request: GetApplicationsRequest) -> tuple[ApplicationReport, ...]:
        self.done.append((request,))
        return self.reports

    async def kill(self, number: ApplicationId, *, deadline: float) -> None:
        self._do("kill", number)

    async def move_application_across_queues(self, number: ApplicationId, queue: str) -> None:
        self._do("move", number, queue)

    async def shutdown(self, status: FinalStatus, diagnostics: str) -> None:
        self._do("shutdown", status, diagnostics)

    async def wait(self, number: ApplicationId, *, deadline: float) -> None:
        self._do("wait", number)

    async def connect(self, number: ApplicationId, **how: object) -> None:
        self._do("connect", number, how)

    async def explain(self, number: ApplicationId) -> None:
        self._do("explain", number)

    async def clean_up(self, number: ApplicationId) -> None:
        self._do("clean up", number)

    def _do(self, *what: object) -> None:
        if self.user_name in self.errors:
            raise self.errors[self.user_name]
        self.done.append((self.user_name, *what))


def denied(message: str = "no", java_class: str = "AccessControlException") -> AccessDeniedError:
    return AccessDeniedError(java_class, message)


async def asked_as(cluster: Any) -> str:
    async with as_owner(cluster, NUMBER) as (client, _):
        return client.user_name


async def test_the_owner_is_asked_where_the_caller_may_act_for_them() -> None:
    assert await asked_as(Cluster()) == "alice"
    assert await asked_as(Cluster(shown=("bob",))) == "bob", "it may not act for alice"
    assert await asked_as(Cluster(reports=(report(rpc_port=1),))) == "bob", "YARN shows all of it"


async def test_connecting_and_explaining_as_the_owner() -> None:
    cluster: Any = Cluster()
    await applications.connect(cluster, NUMBER)
    await applications.explain(cluster, NUMBER)
    assert cluster.done == [
        ("alice", "connect", NUMBER, {"wait": True, "deadline": None, "credentials": None}),
        ("alice", "explain", NUMBER),
    ]


async def test_what_the_caller_may_not_its_owner_does() -> None:
    own: Any = Cluster(reports=(report(rpc_port=1),))
    await lifecycle.kill(own, NUMBER)
    other: Any = Cluster(errors={"bob": denied()}, reports=(report(rpc_port=1),))
    await lifecycle.kill(other, NUMBER)
    assert (own.done, other.done) == ([("bob", "kill", NUMBER)], [("alice", "kill", NUMBER)])


@pytest.mark.parametrize(
    ("owners", "raised"),
    [(denied("you may not act", MAY_NOT_ACT), "first"), (denied("nor alice"), "nor alice")],
)
async def test_the_refusal_that_is_raised(owners: AccessDeniedError, raised: str) -> None:
    errors: dict[str, Exception] = {"bob": denied("first"), "alice": owners}
    cluster: Any = Cluster(errors=errors, reports=(report(rpc_port=1),))
    with pytest.raises(AccessDeniedError, match=raised):
        await lifecycle.kill(cluster, NUMBER)


async def test_an_application_of_another_type_is_left_alone() -> None:
    cluster: Any = Cluster(reports=(report(application_type="SPARK"),))
    with pytest.raises(ApplicationTypeError, match="not a skein application: its type is SPARK"):
        await find_application(cluster, NUMBER)
    with pytest.raises(ApplicationTypeError):
        await lifecycle.kill(cluster, NUMBER)
    assert cluster.done == []


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (RemoteError("YarnException", "no such queue"), QueueRefusedError),
        (QueueAccessDeniedError("AccessControlException", "no such queue"), QueueRefusedError),
        (denied("alice may not modify what is in apples"), AccessDeniedError),
        (denied("alice may not modify it"), AccessDeniedError),
        (InvalidRequestError("InvalidRequest", "apples"), InvalidRequestError),
    ],
)
async def test_a_queue_that_takes_none(error: Exception, raised: type[Exception]) -> None:
    cluster: Any = Cluster("alice", errors={"alice": error})
    with pytest.raises(raised) as caught:
        await lifecycle.move(cluster, NUMBER, "apples")
    assert type(caught.value) is raised


async def test_shutting_down_waits_and_cleans_up() -> None:
    cluster: Any = Cluster("alice")
    await lifecycle.shut_down(cluster, cluster, NUMBER, FinalStatus.KILLED, "enough")
    assert cluster.done == [
        ("alice", "shutdown", FinalStatus.KILLED, "enough"),
        ("alice", "wait", NUMBER),
        ("alice", "clean up", NUMBER),
    ]


async def test_filters_are_applied_here_too() -> None:
    found = report(queue="root.apples", name="a")
    cluster: Any = Cluster(reports=(found, report(queue="root.pears", name="a")))
    assert await find_applications(cluster, ApplicationFilters(queue="apples")) == (found,)
    assert await find_applications(cluster, ApplicationFilters(name="b")) == ()
    since = dt.datetime(2026, 1, 31, tzinfo=dt.UTC)
    assert await find_applications(cluster, ApplicationFilters(finished_begin=since)) == ()
    (request,) = cluster.done[-1]
    assert request.finish_begin == 1769817600000
    assert YarnApplicationState.RUNNING in request.application_states
    cluster.done.clear()
    assert await find_applications(cluster, ApplicationFilters(states=())) == ()
    assert cluster.done == [], "YARN takes none for all of them"
