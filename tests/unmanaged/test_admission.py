"""One port for many applications, over real TLS on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import ssl
import tempfile
import weakref
from typing import TYPE_CHECKING, Any

import pytest

from unmanaged.house import NOBODY, A, B, House, exchange, thief
from yarnhub.appmaster.shell.server.admission import admit
from yarnhub.appmaster.shell.server.control import serve
from yarnhub.base.errors import AccessDeniedError, ConnectError, YarnhubError
from yarnhub.client.access.credentials import Credentials
from yarnhub.control.bootstrap import server_name
from yarnhub.control.messages import GetSpecification
from yarnhub.unmanaged import admission as module

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
async def house() -> AsyncIterator[House]:
    house = House()
    async with asyncio.timeout(60), serve(house.admission, "127.0.0.1") as house.port:
        yield house


async def test_each_holder_of_a_key_reaches_its_own_application(house: House) -> None:
    async with house.client(A, house.a.credentials) as a, house.client(B, house.b.credentials) as b:
        assert await a.get_specification() == A
        assert await b.get_specification() == B
        assert await a.get_specification() == A
    assert house.a.requests == [GetSpecification()] * 2


async def test_nobody_reaches_an_application_with_the_key_of_another(house: House) -> None:
    assert isinstance(await house.refusal(B, house.a.credentials), AccessDeniedError)
    assert isinstance(await house.refusal(A, house.b.credentials), AccessDeniedError)
    assert isinstance(await house.refusal(A, Credentials.generate()), AccessDeniedError)
    assert house.a.requests == house.b.requests == []


async def test_an_application_that_is_not_here_is_refused(house: House) -> None:
    assert isinstance(await house.refusal(NOBODY, house.a.credentials), ConnectError)


# --- somebody who holds the key of A and does all that TLS lets him do to reach B


VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


@pytest.mark.parametrize("version", VERSIONS, ids=lambda each: each.name)
async def test_the_key_of_one_opens_no_other(house: House, version: ssl.TLSVersion) -> None:
    context = thief(house, version)
    answer, _ = await exchange(house, context, server_name(A))
    assert A.encode() in answer
    for name in (server_name(B), server_name(NOBODY), "skein-internal", None):
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await exchange(house, context, name)
    assert house.b.requests == []


@pytest.mark.parametrize("version", VERSIONS, ids=lambda each: each.name)
async def test_a_session_with_one_is_not_resumed_with_another(
    house: House, version: ssl.TLSVersion
) -> None:
    # A admission that does hand out sessions: OpenSSL resumes them for whatever name is asked for.
    house.admission.context.options &= ~ssl.OP_NO_TICKET
    house.admission.context.num_tickets = 2
    context = thief(house, version)
    answer, session = await exchange(house, context, server_name(A))
    assert A.encode() in answer
    assert session is not None
    with contextlib.suppress(ssl.SSLError, ConnectionError):
        answer, _ = await exchange(house, context, server_name(B), session)
        assert A.encode() in answer, "up to TLS 1.2 a session keeps the name it began with"
    assert house.b.requests == []


async def test_no_key_stays_on_the_disk(
    house: House, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    async with house.client(A, house.a.credentials) as client:
        await client.get_specification()
    assert list(tmp_path.iterdir()) == []


# --- what many connections cost


async def test_a_context_is_made_once_for_an_application_and_ends_with_it(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[bytes] = []

    def counted(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
        made.append(certificate)
        admit(context, certificate, key)

    monkeypatch.setattr(module, "admit", counted)
    for _ in range(3):
        async with house.client(A, house.a.credentials) as client:
            assert await client.get_specification() == A
    assert made == [house.a.pair[0]]
    gone = weakref.ref(house.a)
    house.residents.clear()
    house.a = house.b
    while gone() is not None:  # until its connections' end has been seen
        await asyncio.sleep(0.01)
        gc.collect()


async def test_one_applications_connections_are_not_anothers(house: House) -> None:
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(2):  # as many as it may have
            client = await stack.enter_async_context(house.client(A, house.a.credentials))
            assert await client.get_specification() == A
        assert isinstance(await house.refusal(A, house.a.credentials), YarnhubError)
        async with house.client(B, house.b.credentials) as other:
            assert await other.get_specification() == B
