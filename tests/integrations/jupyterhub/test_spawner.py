"""What happens between JupyterHub and YARN while a server is started."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
from typing import TYPE_CHECKING

import pytest
from traitlets import TraitError

from appmaster.clock import instant
from integrations.jupyterhub.impostor import Impostor
from integrations.jupyterhub.spawning import make_spawner
from sessions.in_memory import APPLICATION, OneSession, explained
from yarnhub.base.errors import (
    AccessDeniedError,
    AuthenticationError,
    CallOutcome,
    ConfigurationError,
    ConnectError,
    ConnectionLostError,
    DeadlineExceededError,
    InvalidRequestError,
    LocalProtocolError,
    RemoteError,
    SpecError,
    YarnhubError,
)
from yarnhub.client.explain.reasons import Diagnostics
from yarnhub.control import outcomes
from yarnhub.integrations.jupyterhub.refusals import Refusal
from yarnhub.sessions.session import SessionEnd, SessionSnapshot

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from integrations.jupyterhub.spawning import Spawner

ON_THIS_NODE = SessionSnapshot(node="localhost", container="container_1")


@pytest.fixture
def where() -> OneSession:
    return OneSession()


@contextlib.asynccontextmanager
async def started(spawner: Spawner) -> AsyncIterator[asyncio.Task[str]]:
    """A server that is being started; its end is not waited for."""
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        starting = tasks.create_task(spawner.start())
        await asyncio.sleep(0)
        yield starting
        starting.cancel()


async def failure(spawner: Spawner, port: int = 0) -> Refusal:
    """What ends a start, of a server that tells a port unless it is 0."""
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        starting = tasks.create_task(caught(spawner))
        await asyncio.sleep(0)
        if port:
            spawner.report_port(port)
        return await starting


async def caught(spawner: Spawner) -> Refusal:
    with pytest.raises(Refusal) as refused:
        await spawner.start()
    return refused.value


async def test_nobody_is_sent_to_another_program(where: OneSession) -> None:
    where.session.seen = ON_THIS_NODE
    impostor = Impostor(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    async with impostor.serving() as port:
        refusal = await failure(make_spawner(where), port)
    words = f"another program listens on port {port} of localhost"
    assert words in refusal.jupyterhub_message
    assert b"hers" not in impostor.received


async def test_a_server_listens_where_the_hub_reaches_its_node(where: OneSession) -> None:
    spawner = make_spawner(where)
    async with started(spawner), asyncio.TaskGroup() as tasks:
        asked = tasks.create_task(spawner.place())
        await asyncio.sleep(0)
        where.session.seen = ON_THIS_NODE
        place = await asked
    found = socket.getaddrinfo("localhost", 0, type=socket.SOCK_STREAM)
    addresses = [each[4][0] for each in found]
    assert place == {"addresses": addresses, "strict": False, "first": 0, "last": 0}


@pytest.mark.parametrize(
    ("settings", "place"),
    [
        ({"ip": "0.0.0.0"}, {"addresses": ["0.0.0.0"], "first": 0, "last": 0}),
        ({"ip": "::", "port": 8888}, {"addresses": ["::"], "first": 8888, "last": 8888}),
        (
            {"ip": "10.0.0.1", "port_range": "40000-41000"},
            {"addresses": ["10.0.0.1"], "first": 40000, "last": 41000},
        ),
    ],
)
async def test_or_where_the_administrator_says(
    settings: dict[str, object], place: dict[str, object], where: OneSession
) -> None:
    assert await make_spawner(where, **settings).place() == {**place, "strict": True}


@pytest.mark.parametrize(
    "ports", ["40000", "40000-", "5-4", "0-9", "1-65536", "40000..41000", "1-2-3"]
)
def test_a_range_that_is_none_is_named(ports: str, where: OneSession) -> None:
    with pytest.raises(TraitError, match="port_range must be two ports, such as"):
        make_spawner(where, port_range=ports)


# --- what the user reads meanwhile


@instant
async def test_who_asks_before_it_starts_hears_all_of_it(where: OneSession) -> None:
    spawner = make_spawner(where)
    said = spawner.progress()
    assert (await anext(said))["message"] == "Preparing your server."
    async with started(spawner):  # after its hooks, and its certificates
        waits = await anext(said)
        assert waits["message"] == f"{APPLICATION} waits for a container in queue default."
        where.session.seen = ON_THIS_NODE
        assert (await anext(said))["message"] == "Starting on localhost (container_1)."
    spawner._spawn_pending = False
    assert [each async for each in said] == []


# --- what the user reads if there is no server


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (SpecError("services.jupyterhub.resources.vcores", "is 9, the most is 4"), 400, "is 9"),
        (ConnectError("cannot connect to rm:8032"), 503, "cannot connect to rm:8032"),
        (ConnectionLostError("rm:8032 went away", CallOutcome.UNKNOWN), 503, "rm:8032 went away"),
        (DeadlineExceededError("no response within 60 s"), 503, "no response within 60 s"),
        (ConfigurationError("yarn-site.xml is missing"), 500, "yarn-site.xml is missing"),
        (AuthenticationError("the key is too old"), 500, "the key is too old"),
        (
            RemoteError("x.SafeModeException", "Name node is in safe mode"),
            503,
            "Name node is in safe mode",
        ),
        (InvalidRequestError("x.Invalid", "no label gpus"), 400, "no label gpus"),
        (AccessDeniedError("x.Denied", "may not act"), 403, "may not"),
        (LocalProtocolError("a fault of ours"), 503, "a fault of ours"),
    ],
)
async def test_every_failure_says_why(error: YarnhubError, status: int, words: str) -> None:
    refusal = await failure(make_spawner(OneSession(refusing=error)))
    assert words in refusal.jupyterhub_message
    assert (refusal.status_code, refusal.__cause__) == (status, error)


async def test_the_fault_of_a_hook_is_not_shown_but_said(
    where: OneSession, caplog: pytest.LogCaptureFixture
) -> None:
    def hook(*_: object) -> None:
        raise KeyError("password=secret")

    refusal = await failure(make_spawner(where, modify_application_hook=hook))
    assert "an error occurred in the hub; see its log" in refusal.jupyterhub_message
    assert "secret" not in refusal.jupyterhub_message


async def test_an_end_before_it_was_ready_says_why(where: OneSession) -> None:
    where.session.how = SessionEnd(1, outcomes.Outcome.of_message("Exit code 3"))
    refusal = await failure(make_spawner(where))
    assert refusal.jupyterhub_message == "The server ended before it was ready: Exit code 3"


async def test_what_the_servers_program_says_instead_of_its_port(where: OneSession) -> None:
    spawner = make_spawner(where)
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        starting = tasks.create_task(caught(spawner))
        await asyncio.sleep(0)
        spawner.report_error("no port from 1 to 2 is free")
        where.session.how = SessionEnd(
            1, outcomes.Outcome.of_message("Exit code 1: its program failed")
        )
    said = starting.result().jupyterhub_message
    assert said == "The server's program cannot run: no port from 1 to 2 is free"


async def test_certificates_that_cannot_be_made_say_why(where: OneSession) -> None:
    where.refusing = ConnectError("cannot connect to rm:8032")
    with pytest.raises(Refusal, match="cannot connect to rm:8032"):
        await make_spawner(where).create_certs()


@instant
@pytest.mark.parametrize(
    ("snapshot", "reason"),
    [
        (
            SessionSnapshot(),
            "waits for a container in queue default: YARN's diagnostics: The queue is full.",
        ),
        (ON_THIS_NODE, "c.YarnSpawner.cmd must end in `python -m yarnspawner.singleuser`"),
    ],
)
async def test_what_takes_too_long_ends_with_the_last_reason(
    snapshot: SessionSnapshot, reason: str, where: OneSession
) -> None:
    where.session.seen = snapshot
    where.session.explanation = explained(Diagnostics("The queue is full."))
    async with asyncio.timeout(1):  # JupyterHub's own limit
        refusal = await failure(make_spawner(where, start_timeout=1))
    assert reason in refusal.jupyterhub_message
    assert refusal.status_code == 504


# --- words of others

HOSTILE = "\x1b]0;title\x07\x1b[31mred\u202e\x00" + "x" * 5_000_000


def is_fit(text: str) -> bool:
    """Whether a terminal and a database get what they should."""
    return text.isprintable() and "red" in text and len(text) <= 4200


async def test_words_of_others_are_cut_and_cleaned_where_they_are_shown(where: OneSession) -> None:
    where.session.how = SessionEnd(1, outcomes.Outcome.of_message(HOSTILE))
    assert is_fit((await failure(make_spawner(where))).jupyterhub_message)
    where.session.how, where.refusing = None, ConnectError(HOSTILE)
    refusal = await failure(make_spawner(where))
    assert is_fit(refusal.jupyterhub_message)
    assert is_fit(str(refusal))


async def test_and_where_they_are_said_meanwhile(where: OneSession) -> None:
    where.session.seen = SessionSnapshot(waits_for=Diagnostics(HOSTILE))
    spawner = make_spawner(where)
    async with started(spawner):
        said = await anext(spawner.progress())
    assert is_fit(str(said["message"]))


async def test_and_where_they_are_stored_and_logged(
    where: OneSession, caplog: pytest.LogCaptureFixture
) -> None:
    spawner = make_spawner(where)
    spawner.load_state({"application_id": APPLICATION})
    where.session.how = SessionEnd(1, outcomes.Outcome.of_message(HOSTILE))
    spawner.log = logging.getLogger("hub")
    with caplog.at_level(logging.INFO):
        assert await spawner.poll() == 1
    assert is_fit(caplog.messages[-1])
    spawner.clear_state()
    assert is_fit(spawner.get_state()["ended_because"])


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
        RecursionError(),
        ConnectError("nobody answers"),
    ],
)
async def test_whatever_goes_wrong_a_server_is_not_taken_for_ended(
    where: OneSession, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """JupyterHub takes one whose poll raises for ended, when it starts, and forgets it."""

    async def find(application_id: str) -> None:
        raise error

    monkeypatch.setattr(where, "find", find)
    spawner = make_spawner(where)
    spawner.load_state({"application_id": APPLICATION})
    assert await spawner.poll() is None
    assert spawner.get_state()["application_id"] == APPLICATION
    monkeypatch.undo()
    assert await spawner.poll() is None
    where.session.how = SessionEnd(0, outcomes.Outcome.of_message("done"))
    assert await spawner.poll() == 0
