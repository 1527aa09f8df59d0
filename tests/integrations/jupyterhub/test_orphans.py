"""Sessions that run and that nobody has."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from yarnhub.base.errors import AccessDeniedError, DeadlineExceededError
from yarnhub.integrations.jupyterhub.orphans import end, orphans

if TYPE_CHECKING:
    from yarnhub.sessions.holder import Holder
    from yarnhub.sessions.session import Session


@dataclass
class Running:
    """A server, as far as it is looked at here."""

    id: str
    identity: str = ""
    user: str = "alice"
    error: Exception | None = None
    stopped: list[bool] = field(default_factory=list)

    async def stop(self, *, now: bool) -> None:
        self.stopped.append(now)
        if self.error:
            raise self.error


async def test_one_that_cannot_be_ended_stops_nobody() -> None:
    found = [
        Running("1", error=AccessDeniedError("", "not yours")),
        Running("2"),
        Running("3", error=DeadlineExceededError("60 s")),
        Running("4"),
    ]
    ended = await end(cast("list[Session]", found))
    assert [each.id for each in ended] == ["2", "4"]
    assert all(each.stopped == [True] for each in found)


async def test_a_server_that_is_just_being_started_is_somebodys() -> None:
    class All:
        async def all(self) -> list[Running]:
            return [Running("1"), Running("2", "server-a"), Running("3", "server-b")]

    class Query:
        def query(self, _: object) -> list[Any]:
            return [SimpleNamespace(state={"application_id": "1"}), SimpleNamespace(state=None)]

    starting = SimpleNamespace(application_id="", identity="server-a", pending="spawn")
    app = SimpleNamespace(db=Query(), users={1: SimpleNamespace(spawners={"": starting})})
    found = await orphans(cast("Holder", All()), app)
    assert [each.id for each in found] == ["3"]
