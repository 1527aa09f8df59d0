"""An ApplicationMaster that was started anew elsewhere is found; nothing is done twice."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from appmaster.shell.server.serving import ID, PAIR, Answering
from client.living import served
from yarnhub.base.errors import (
    ConfigurationError,
    ConnectError,
    ConnectionLostError,
    DeadlineExceededError,
    YarnhubError,
)
from yarnhub.client.application import client as module
from yarnhub.client.application.client import ApplicationClient
from yarnhub.client.errors import ApplicationFailedError
from yarnhub.control.messages import (
    REQUESTS,
    Entries,
    Entry,
    GetKey,
    Nothing,
    PutKey,
    Request,
)
from yarnhub.control.outcomes import Outcome

NOBODY = "127.0.0.1:1"
FOUND = Entries(entries=(Entry(key="k", value=b"v"),))


@pytest.fixture(autouse=True)
def _in_haste(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_RECONNECT_PAUSE", 0.001)


class Places:
    """What the ResourceManager says, one answer after the other; the last one for ever."""

    def __init__(self, *answers: str | YarnhubError | None) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def __call__(self) -> str | None:
        self.asked += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, YarnhubError):
            raise answer
        return answer


async def test_the_next_one_is_found_at_its_own_address() -> None:
    async with served(Answering()) as port:
        address = f"127.0.0.1:{port}"
        # YARN says nothing, names the one that has gone, cannot be reached, and then knows.
        places = Places(None, NOBODY, ConnectError("no RM"), DeadlineExceededError("slow"), address)
        async with ApplicationClient(ID, NOBODY, PAIR, places) as app:
            assert await app.ask(GetKey(key="k")) == FOUND
            assert (app.address, places.asked) == (address, 5)
            assert await app.ask(PutKey(key="k", value=b"")) == Nothing()
            assert places.asked == 5, "it is known now"


async def test_what_was_never_sent_is_sent_whatever_it_is() -> None:
    async with served(Answering()) as port:
        places = Places(f"127.0.0.1:{port}")
        async with ApplicationClient(ID, NOBODY, PAIR, places) as app:
            assert await app.ask(PutKey(key="k", value=b"v")) == Nothing()


async def test_what_may_have_been_done_is_asked_again_only_if_that_does_no_harm() -> None:
    seen: list[Request[Any]] = []

    async def die(request: Request[Any]) -> object:
        seen.append(request)
        raise ConnectionError  # as if the process had ended before it could answer

    async with served(die) as old, served(Answering()) as new:
        places = Places(f"127.0.0.1:{new}")
        async with ApplicationClient(ID, f"127.0.0.1:{old}", PAIR, places) as app:
            with pytest.raises(ConnectionLostError):
                await app.keys.put("k", b"v")
            with pytest.raises(ConnectionLostError):
                await app.scale("a", delta=1)
            assert (places.asked, len(seen)) == (0, 2)
            assert await app.ask(GetKey(key="k")) == FOUND
            assert (places.asked, len(seen)) == (1, 3)


@pytest.mark.parametrize("failure", [ConfigurationError("no configuration here")])
async def test_where_nobody_can_tell_it_is_as_if_nobody_was_asked(failure: YarnhubError) -> None:
    async with ApplicationClient(ID, NOBODY, PAIR, Places(failure)) as app:
        with pytest.raises(ConnectError, match=r"127\.0\.0\.1:1 cannot be reached") as lost:
            await app.get_specification()
        assert lost.value.__cause__ is failure


async def test_the_end_of_the_application_is_told() -> None:
    ended = ApplicationFailedError(ID, "FINISHED", Outcome.of_message("as it should"))
    async with ApplicationClient(ID, NOBODY, PAIR, Places(None, ended)) as app:
        with pytest.raises(ConnectError, match="is FINISHED: as it should"):
            await app.get_specification()


async def test_it_is_looked_for_no_longer_than_a_request_may_take(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "REQUEST_TIMEOUT", 0.5)
    places = Places(None)
    async with ApplicationClient(ID, NOBODY, PAIR, places) as app:
        with pytest.raises(ConnectError, match="cannot be reached"):
            await app.get_specification()
    assert places.asked > 1


async def test_cancelling_while_it_is_looked_for() -> None:
    asked = asyncio.Event()

    async def locate() -> str | None:
        asked.set()
        await asyncio.Event().wait()
        return None

    async with ApplicationClient(ID, NOBODY, PAIR, locate) as app, asyncio.TaskGroup() as group:
        task = group.create_task(app.get_specification())
        await asked.wait()
        task.cancel()
    assert task.cancelled()


def test_what_reads_may_be_repeated_and_what_changes_may_not() -> None:
    safe = {name for name, kind in REQUESTS.items() if kind.idempotent}
    assert {"GetKey", "GetKeys", "ListKeys", "WaitKey", "WatchKeys", "GetContainers"} <= safe
    assert not safe & {"PutKey", "DeleteKey", "DeleteKeys", "Transaction", "AddContainer", "Scale"}
