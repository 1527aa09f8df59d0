"""What is known of a server, and what its user reads of its end."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from hadoop.tickets import Ticket
from sessions.in_memory import SETTINGS, TAGS
from yarnhub.base.errors import ConnectError, LocalProtocolError
from yarnhub.client.explain.reasons import Diagnostics
from yarnhub.control.messages import ContainerState, ServiceContainer
from yarnhub.control.outcomes import Cause, Outcome
from yarnhub.hadoop.security.users import KerberosUser
from yarnhub.sessions.holder import Holder
from yarnhub.sessions.request import SessionRequest
from yarnhub.sessions.session import Session, SessionSnapshot, loss
from yarnhub.sessions.users import OwnAccountError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yarnhub.client.access.settings import Settings
    from yarnhub.client.explain.explanation import Explanation
    from yarnhub.spec import ApplicationSpec

PREEMPTED = Outcome(cause=Cause.PREEMPTED, exit_code=-102)


def container(instance: int, state: ContainerState, **changes: Any) -> ServiceContainer:
    return ServiceContainer(service_name="jupyterhub", instance=instance, state=state, **changes)


def test_a_snapshot_of_containers() -> None:
    waiting, why = container(0, ContainerState.REQUESTED), Diagnostics("full")
    assert SessionSnapshot.of([waiting], why) == SessionSnapshot(waits_for=why)
    runs = container(
        0, ContainerState.RUNNING, yarn_container_id="c", yarn_node_http_address="node:8042"
    )
    assert SessionSnapshot.of([runs], why) == SessionSnapshot(node="node", container="c")


def test_another_container_is_not_the_same_server() -> None:
    first = container(0, ContainerState.FAILED, outcome=PREEMPTED)
    assert loss([container(1, ContainerState.RUNNING), first]) == PREEMPTED
    unknown = loss([container(1, ContainerState.RUNNING)])
    assert unknown == Outcome(cause=Cause.UNKNOWN, raw="its container ended")
    assert not loss([container(0, ContainerState.RUNNING)])
    assert not loss([container(0, ContainerState.REQUESTED)])
    assert not loss([])


# --- starting


class Started(Holder):
    """Sessions that run nowhere.

    Attributes:
        running: Those that run before.
    """

    def __init__(self, settings: Settings, running: dict[str, Former] | None = None) -> None:
        super().__init__(settings, TAGS)
        self.running = running or {}
        self.specs: list[ApplicationSpec] = []

    async def all(self, tag: str = "") -> list[Session]:
        return [self.running[tag]] if tag in self.running else []

    async def _submit(self, spec: ApplicationSpec, secrets: Mapping[str, bytes]) -> Session:
        self.specs.append(spec)
        return Former()

    async def find(self, application_id: str) -> None:
        return None


class Former(Session):
    """One of the same name that nobody knows any more."""

    id = "application_1_0001"
    stopped = False

    async def ended(self) -> None:
        return

    async def poll(self) -> None:
        return None

    async def snapshot(self) -> SessionSnapshot:
        return SessionSnapshot()

    async def explain(self) -> Explanation:
        raise ConnectError("nobody answers at rm:8032")

    async def stop(self, *, now: bool) -> None:
        self.stopped = now


SECURE = replace(SETTINGS, user=KerberosUser(Ticket()))


def request(user: str) -> SessionRequest:
    return SessionRequest(user=user, owner="alice", hub=TAGS, memory=2**30, command=["run"])


async def test_a_former_one_of_the_same_name_is_ended_first() -> None:
    wanted = request("alice")
    former = Former()
    servers = Started(SECURE, {wanted.identity: former})
    await servers.start(wanted.specification, {})
    assert former.stopped
    assert servers.specs == [wanted.specification]


async def test_what_has_no_identity_ends_no_other_session() -> None:
    running = Former()
    holder = Started(SECURE, {"": running})
    with pytest.raises(LocalProtocolError, match="is not a session of this hub"):
        await holder.start(replace(request("alice").specification, user="bob"), {})
    assert not running.stopped
    assert holder.specs == []


@pytest.mark.parametrize("name", ["hub", "HUB", "\uff48\uff55\uff42"])
async def test_nobody_runs_as_the_hub_itself(name: str) -> None:
    servers = Started(SECURE)
    with pytest.raises(OwnAccountError, match="is the hub's own account on the cluster"):
        await servers.start(request(name).specification, {})
    assert not servers.specs
    await Started(SETTINGS).start(request("hub").specification, {})  # where names prove nothing


async def test_what_cannot_be_explained_is_not_known() -> None:
    assert await Started(SETTINGS).explain(Former()) is None
