"""The scheduler's client against a scripted server."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from hadoop.server import CLOSE, TOKEN, Call, Peer, answer, failure, serving, token_offer
from yarnhub.base.errors import AttemptNotFoundError, NotRegisteredError, RemoteError
from yarnhub.base.retry import RetryPolicy
from yarnhub.hadoop.codec import decode, encode
from yarnhub.hadoop.ipc.client import RpcOptions
from yarnhub.hadoop.wire.tokens import Token
from yarnhub.yarn.records.applications import FinalApplicationStatus
from yarnhub.yarn.records.containers import Container
from yarnhub.yarn.records.ids import ContainerId
from yarnhub.yarn.records.resources import Priority, ResourceRequest
from yarnhub.yarn.records.scheduler import (
    AllocateRequest,
    AllocateResponse,
    FinishApplicationMasterRequest,
    FinishApplicationMasterResponse,
    RegisterApplicationMasterRequest,
    RegisterApplicationMasterResponse,
)
from yarnhub.yarn.scheduler import Scheduler

if TYPE_CHECKING:
    from collections.abc import Callable

    from hadoop.server import Server

QUICK = RpcOptions(retry=RetryPolicy(first_delay=0.001, max_delay=0.002), call_timeout=10)
PACKAGE = "org.apache.hadoop.yarn.exceptions"
NOT_REGISTERED = f"{PACKAGE}.ApplicationMasterNotRegisteredException"
NO_ATTEMPT = f"{PACKAGE}.ApplicationAttemptNotFoundException"
NEW_TOKEN = Token(b"\0\x02rolled", b"new password", "YARN_AM_RM_TOKEN", "")


class ResourceManager:
    """The scheduler's side of response ids (ApplicationMasterService.allocate)."""

    def __init__(self) -> None:
        self.requests: list[AllocateRequest] = []
        self.registered: list[RegisterApplicationMasterRequest] = []
        self.finished: list[FinishApplicationMasterRequest] = []
        self.response_id = 0
        self.closes = 0
        """So many of the next calls are carried out and then the connection ends."""
        self.token: Token | None = None
        self.unsaved = 0
        self.failures: list[str] = []
        self.step = 1

    def __call__(self, call: Call) -> bytes | object:
        if self.failures:
            return failure(call.call_id, self.failures.pop(0), "no")
        match call.method:
            case "registerApplicationMaster":
                self.registered.append(decode(RegisterApplicationMasterRequest, call.body))
                self.response_id = 0
                body = encode(RegisterApplicationMasterResponse(queue="root.default"))
            case "allocate":
                request = decode(AllocateRequest, call.body)
                if request.response_id == self.response_id:
                    self.requests.append(request)
                    self.response_id += self.step
                elif request.response_id != self.response_id - self.step:
                    name = f"{PACKAGE}.InvalidApplicationMasterRequestException"
                    return failure(call.call_id, name, f"expect {self.response_id}")
                response = AllocateResponse(
                    response_id=self.response_id,
                    allocated_containers=(Container(id=ContainerId(id=self.response_id)),),
                    am_rm_token=self.token,
                )
                self.token = None
                body = encode(response)
            case "finishApplicationMaster":
                self.finished.append(decode(FinishApplicationMasterRequest, call.body))
                self.unsaved -= 1
                body = encode(FinishApplicationMasterResponse(is_unregistered=self.unsaved < 0))
            case other:
                raise AssertionError(other)
        if self.closes:
            self.closes -= 1
            return CLOSE
        return answer(call.call_id, body)


def peers(manager: ResourceManager, *accepted: Token) -> Callable[[], Peer]:
    """Each connection takes the next token only; all further ones the last."""
    left = list(accepted)

    def make() -> Peer:
        token = left.pop(0) if len(left) > 1 else left[0]
        return Peer(handler=manager, offers=(token_offer(),), token=token)

    return make


def scheduler(server: Server, token: Token = TOKEN) -> Scheduler:
    return Scheduler((server.address,), token, QUICK)


async def test_each_heartbeat_echoes_the_last_response_id() -> None:
    manager = ResourceManager()
    manager.step = 3  # counting by oneself would not do
    async with serving(make=peers(manager, TOKEN)) as server, scheduler(server) as client:
        response = await client.register("am", 4711, "http://am")
        assert response.queue == "root.default"
        for _ in range(3):
            await client.allocate((), (), 0.5)
    assert [each.response_id for each in manager.requests] == [0, 3, 6]
    assert manager.registered == [
        RegisterApplicationMasterRequest(host="am", rpc_port=4711, tracking_url="http://am")
    ]


async def test_a_heartbeat_carries_asks_releases_and_progress() -> None:
    manager = ResourceManager()
    ask = ResourceRequest(priority=Priority(priority=1), resource_name="*", num_containers=2)
    async with serving(make=peers(manager, TOKEN)) as server, scheduler(server) as client:
        await client.allocate([ask], [ContainerId(id=9)], 0.25)
    assert manager.requests == [
        AllocateRequest(ask=(ask,), release=(ContainerId(id=9),), response_id=0, progress=0.25)
    ]


async def test_a_lost_answer_is_asked_for_again() -> None:
    manager = ResourceManager()
    async with serving(make=peers(manager, TOKEN)) as server, scheduler(server) as client:
        await client.allocate((), (), 0.0)
        manager.closes = 1
        response = await client.allocate((), (), 0.0)
        assert [each.id.id for each in response.allocated_containers] == [2]
        assert response.response_id == 2
        await client.allocate((), (), 0.0)
    assert len(manager.requests) == 3, "the repeated heartbeat was not carried out twice"
    assert len(server.peers) == 2


async def test_registering_again_begins_at_zero_even_if_the_answer_is_lost() -> None:
    manager = ResourceManager()
    async with serving(make=peers(manager, TOKEN)) as server, scheduler(server) as client:
        await client.register("am", 1, "")
        await client.allocate((), (), 0.0)
        manager.closes = 1
        with pytest.raises(ConnectionError):
            await client.register("am", 1, "")
        assert len(manager.registered) == 2, "it is not repeated by itself"
        assert (await client.allocate((), (), 0.0)).response_id == 1


@pytest.mark.parametrize(
    ("java_class", "expected"),
    [(NOT_REGISTERED, NotRegisteredError), (NO_ATTEMPT, AttemptNotFoundError)],
)
async def test_what_an_application_master_must_act_on(
    java_class: str, expected: type[RemoteError]
) -> None:
    manager = ResourceManager()
    async with serving(make=peers(manager, TOKEN)) as server, scheduler(server) as client:
        manager.failures = [java_class]
        with pytest.raises(expected):
            await client.allocate((), (), 0.0)


async def test_a_refused_heartbeat_keeps_the_response_id() -> None:
    manager = ResourceManager()
    async with serving(make=peers(manager, TOKEN)) as server, scheduler(server) as client:
        await client.allocate((), (), 0.0)
        manager.failures = [f"{PACKAGE}.InvalidResourceRequestException"]
        with pytest.raises(RemoteError):
            await client.allocate((), (), 0.0)
        assert (await client.allocate((), (), 0.0)).response_id == 2


async def test_a_new_token_is_used_at_once() -> None:
    manager = ResourceManager()
    async with (
        serving(make=peers(manager, TOKEN, NEW_TOKEN)) as server,
        scheduler(server) as client,
    ):
        manager.token = NEW_TOKEN
        await client.allocate((), (), 0.0)
        assert (await client.allocate((), (), 0.0)).response_id == 2
        async with asyncio.timeout(20):
            while server.gone < 1:
                await asyncio.sleep(0.01)
        assert len(server.peers) == 2
        assert len(server.peers[0].calls) == 1, "nothing is asked with the old token any more"


async def test_the_old_token_would_be_refused() -> None:
    # Else the test above shows nothing.
    manager = ResourceManager()
    async with serving(make=peers(manager, NEW_TOKEN)) as server, scheduler(server) as client:
        with pytest.raises(Exception, match="wrong response"):
            await client.allocate((), (), 0.0)


async def test_the_end_is_told_until_it_is_saved() -> None:
    manager = ResourceManager()
    manager.unsaved = 2
    async with serving(make=peers(manager, TOKEN)) as server, scheduler(server) as client:
        await client.finish(FinalApplicationStatus.FAILED, "why", "http://logs")
    assert (
        manager.finished
        == [
            FinishApplicationMasterRequest(
                diagnostics="why",
                tracking_url="http://logs",
                final_application_status=FinalApplicationStatus.FAILED,
            )
        ]
        * 3
    )


async def test_the_end_was_saved_when_the_attempt_is_gone() -> None:
    manager = ResourceManager()
    manager.failures = [NO_ATTEMPT]
    async with serving(make=peers(manager, TOKEN)) as server, scheduler(server) as client:
        await client.finish(FinalApplicationStatus.SUCCEEDED, "")
    assert manager.failures == []


async def test_an_end_whose_answer_is_lost_is_told_again() -> None:
    manager = ResourceManager()
    manager.closes = 1
    async with serving(make=peers(manager, TOKEN)) as server, scheduler(server) as client:
        await client.finish(FinalApplicationStatus.SUCCEEDED, "")
    assert len(manager.finished) == 2


async def test_cancelling_a_heartbeat_leaves_the_scheduler_usable() -> None:
    manager = ResourceManager()
    silent = True

    def handler(call: Call) -> bytes | object | None:
        said = manager(call)
        return None if silent else said

    make = lambda: Peer(handler=handler, offers=(token_offer(),))  # noqa: E731
    async with serving(make=make) as server, scheduler(server) as client:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await client.allocate((), (), 0.0)
        silent = False
        # The same response id: the scheduler repeats the answer that was not heard.
        assert (await client.allocate((), (), 0.0)).response_id == 1
    assert len(manager.requests) == 1
