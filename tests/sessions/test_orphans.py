"""Sessions that run and belong to no user."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from yarnhub.base.errors import AccessDeniedError, DeadlineExceededError
from yarnhub.sessions.orphans import kill, orphans

if TYPE_CHECKING:
    from yarnhub.sessions.holder import Holder
    from yarnhub.sessions.session import Session


@dataclass
class Running:
    """A session, as far as it is looked at here."""

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
    ended = await kill(cast("list[Session]", found))
    assert [each.id for each in ended] == ["2", "4"]
    assert all(each.stopped == [True] for each in found)


async def test_users_are_looked_at_after_what_runs() -> None:
    claimed: set[str] = set()

    class All:
        async def all(self) -> list[Running]:
            claimed.update({"1", "server-a"})  # started meanwhile
            return [Running("1"), Running("2", "server-a"), Running("3", "server-b"), Running("4")]

    found = await orphans(cast("Holder", All()), lambda: claimed)
    assert [each.id for each in found] == ["3", "4"]
