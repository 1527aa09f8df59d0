"""What JupyterHub asks of a spawner whose server runs, has ended, or is of the hub before."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from appmaster.clock import instant
from integrations.jupyterhub.spawning import make_spawner
from sessions.in_memory import APPLICATION, OneSession
from yarnhub.base.errors import ConnectError
from yarnhub.control.outcomes import Outcome
from yarnhub.sessions.session import Session, SessionEnd

if TYPE_CHECKING:
    from pathlib import Path

    from integrations.jupyterhub.spawning import Spawner

MASTER = {
    "application_id": APPLICATION,
    "application_master": "cluster",
    "token_sha256": "5ca4",
    "version": 1,
}


def later(where: OneSession) -> Spawner:
    """A spawner whose server was started by the hub before."""
    spawner = make_spawner(where, api_token="")
    spawner.load_state(dict(MASTER))
    return spawner


def notified(spawner: Spawner) -> list[str]:
    """What JupyterHub hears of ends."""
    heard: list[str] = []
    spawner.add_poll_callback(heard.append, "ended")
    return heard


async def turns() -> None:
    """Let all go on that does not wait."""
    for _ in range(20):
        await asyncio.sleep(0)


# --- state


async def test_without_a_server_there_is_nothing_to_keep() -> None:
    spawner = make_spawner(OneSession())
    assert spawner.get_state() == {}
    assert await spawner.poll() == 0


async def test_what_was_kept_is_kept_again() -> None:
    assert later(OneSession()).get_state() == MASTER


async def test_a_server_of_yarnspawner_0_4_is_asked_about() -> None:
    where = OneSession()
    spawner = make_spawner(where)
    spawner.load_state({"app_id": APPLICATION})
    assert await spawner.poll() is None
    assert where.sought == [APPLICATION]


async def test_why_a_server_ended_is_kept_until_the_next_one_runs() -> None:
    where = OneSession()
    where.found = SessionEnd(1, Outcome.of_message("it needed more memory"))
    spawner = later(where)
    assert await spawner.poll() == 1
    spawner.clear_state()
    kept = spawner.get_state()
    assert kept == {"ended_because": "it needed more memory"}
    again = make_spawner(where)
    again.load_state(kept)
    assert again.ended_because == "it needed more memory"
    again.application_id = APPLICATION
    assert "ended_because" not in again.get_state()


# --- polls


async def test_a_server_of_the_hub_before_is_looked_for_once() -> None:
    where = OneSession()
    spawner = later(where)
    assert [await spawner.poll() for _ in range(3)] == [None] * 3
    assert where.sought == [APPLICATION]


@pytest.mark.parametrize("code", [0, 1])
async def test_one_that_ended_before_this_hub_began_is_told_with_its_code(code: int) -> None:
    where = OneSession()
    where.found = SessionEnd(code, Outcome.of_message("it ended by itself"))
    spawner = later(where)
    assert [await spawner.poll() for _ in range(2)] == [code] * 2
    assert where.sought == [APPLICATION], "an end is for ever"


async def test_what_yarn_cannot_say_now_is_asked_again() -> None:
    where = OneSession()
    where.found = None
    spawner = later(where)
    assert await spawner.poll() is None
    where.found = SessionEnd(1, Outcome.of_message("it ended meanwhile"))
    assert await spawner.poll() == 1


@instant
async def test_a_poll_does_not_wait_for_a_cluster_that_says_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Silent(OneSession):
        async def find(self, application_id: str) -> Session | SessionEnd | None:
            await asyncio.sleep(3600)
            return SessionEnd(1, Outcome.of_message("it was too late"))

    began = asyncio.get_running_loop().time()
    assert await later(Silent()).poll() is None
    assert asyncio.get_running_loop().time() - began == 5
    assert f"the state of {APPLICATION} is unknown: no response within 5 s" in caplog.text


async def test_a_fault_of_ours_is_logged_with_its_place(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(OneSession):
        async def find(self, application_id: str) -> Session | SessionEnd | None:
            raise ZeroDivisionError

    assert await later(Broken()).poll() is None
    (record,) = caplog.records
    assert record.exc_info is not None
    assert record.exc_info[0] is ZeroDivisionError


# --- ends


async def test_the_hub_hears_of_an_end_at_once() -> None:
    where = OneSession()
    spawner = later(where)
    heard = notified(spawner)
    assert await spawner.poll() is None
    where.session.how = SessionEnd(1, Outcome.of_message("it was killed"))
    where.session.over.set()
    await turns()
    assert heard == ["ended"]
    assert await spawner.poll() == 1


@pytest.mark.parametrize("now", [True, False])
async def test_a_server_of_the_hub_before_can_be_stopped(*, now: bool) -> None:
    where = OneSession()
    spawner = later(where)
    await spawner.stop(now=now)
    assert where.session.stops == [now]
    assert await spawner.poll() == 0


async def test_what_was_stopped_is_no_news() -> None:
    where = OneSession()
    spawner = later(where)
    heard = notified(spawner)
    assert await spawner.poll() is None
    await spawner.stop()
    where.session.over.set()
    await turns()
    assert heard == []


async def test_nor_is_what_the_hub_has_forgotten() -> None:
    where = OneSession()
    spawner = later(where)
    heard = notified(spawner)
    assert await spawner.poll() is None
    spawner.clear_state()
    where.session.over.set()
    await turns()
    assert heard == []
    assert await spawner.poll() == 0


async def test_what_ended_already_is_not_stopped() -> None:
    where = OneSession()
    where.found = SessionEnd(0, Outcome.of_message("it ended by itself"))
    await later(where).stop()
    await make_spawner(where).stop()
    assert where.session.stops == []


async def test_what_may_run_on_is_not_called_stopped() -> None:
    where = OneSession()
    where.found = None
    spawner = later(where)
    with pytest.raises(ConnectError, match=f"cannot stop {APPLICATION}"):
        await spawner.stop()
    assert spawner.get_state() == MASTER
    assert await spawner.poll() is None


# --- internal_ssl


async def test_certificates_travel_with_the_secrets(tmp_path: Path) -> None:
    paths = {}
    for name in ("keyfile", "certfile", "cafile"):
        (tmp_path / name).write_bytes(name.encode())
        paths[name] = str(tmp_path / name)
    spawner = make_spawner(OneSession())
    names = await spawner.move_certs(paths)
    assert set(names) == set(paths)
    assert not set(names.values()) & set(paths.values()), "the hub's paths are not the container's"
    assert sorted(spawner.certificates.values()) == [b"cafile", b"certfile", b"keyfile"]
