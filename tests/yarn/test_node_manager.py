"""The NodeManagers' client against a scripted server."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Any

import pytest

from hadoop.server import CLOSE, Call, Peer, Server, answer, serving, token_offer
from yarnhub.base.errors import (
    AuthenticationError,
    LocalProtocolError,
    RemoteError,
    StaleContainerError,
)
from yarnhub.base.retry import RetryPolicy
from yarnhub.hadoop.codec import decode, encode
from yarnhub.hadoop.ipc.client import RpcOptions
from yarnhub.hadoop.wire.tokens import Token
from yarnhub.yarn.node_manager import NodeManagers, patient_options
from yarnhub.yarn.records import node_manager as records
from yarnhub.yarn.records.containers import Container, ContainerState, ContainerStatus, NMToken
from yarnhub.yarn.records.ids import ContainerId, NodeId
from yarnhub.yarn.records.launch import ContainerLaunchContext

QUICK = RpcOptions(retry=RetryPolicy(first_delay=0.001, max_delay=0.002), call_timeout=10)
NM_TOKEN = Token(b"node", b"password", "NMToken", "10.0.0.1:1")
CONTAINER_TOKEN = Token(b"container", b"password", "ContainerToken", "10.0.0.1:1")
CONTEXT = ContainerLaunchContext(command=("run",))
ID = ContainerId(id=7)


class Node:
    def __init__(self) -> None:
        self.calls: list[tuple[str, bytes]] = []
        self.refuses = False
        self.refusal = "Unauthorized request to start container.\n\tat Some.java"
        self.java_class = "org.apache.hadoop.yarn.exceptions.YarnException"
        self.closes = 0

    def __call__(self, call: Call) -> bytes | object:
        self.calls.append((call.method, call.body))
        failed: tuple[records.ContainerExceptionMap, ...] = ()
        if self.refuses:
            exception = records.SerializedException(
                message=self.refusal,
                class_name=self.java_class,
            )
            failed = (records.ContainerExceptionMap(container_id=ID, exception=exception),)
        response: Any  # one of three records
        match call.method:
            case "startContainers":
                response = records.StartContainersResponse(failed_requests=failed)
            case "stopContainers":
                response = records.StopContainersResponse(failed_requests=failed)
            case "getContainerStatuses":
                status = ContainerStatus(container_id=ID, state=ContainerState.RUNNING)
                response = records.GetContainerStatusesResponse(
                    status=() if failed else (status,), failed_requests=failed
                )
            case other:
                raise AssertionError(other)
        if self.closes:
            self.closes -= 1
            self.refuses = call.method == "startContainers"  # it is started by then
            return CLOSE
        return answer(call.call_id, encode(response))

    def peer(self, token: Token = NM_TOKEN) -> Peer:
        return Peer(handler=self, offers=(token_offer(),), token=token)


def place(server: Server) -> NodeId:
    return NodeId(host=server.address.host, port=server.address.port)


def container(server: Server, **changes: Any) -> Container:
    given: dict[str, Any] = {"container_token": CONTAINER_TOKEN, **changes}
    return Container(id=ID, node_id=place(server), **given)


def token(server: Server, value: Token = NM_TOKEN) -> NMToken:
    return NMToken(node_id=place(server), token=value)


async def test_starting_stopping_and_asking() -> None:
    node = Node()
    async with serving(make=node.peer) as server, NodeManagers(QUICK) as nodes:
        nodes.keep([token(server)])
        await nodes.start_container(container(server), CONTEXT)
        status = await nodes.get_container_status(ID, place(server))
        assert status.state is ContainerState.RUNNING
        await nodes.stop_container(ID, place(server))
        assert len(server.peers) == 1, "one connection for all"
    names = [name for name, _ in node.calls]
    assert names == ["startContainers", "getContainerStatuses", "stopContainers"]
    assert decode(records.StartContainersRequest, node.calls[0][1]) == (
        records.StartContainersRequest(
            start_container_request=(
                records.StartContainerRequest(
                    container_launch_context=CONTEXT, container_token=CONTAINER_TOKEN
                ),
            )
        )
    )


async def test_a_refusal_is_the_remote_error_without_the_java_stack() -> None:
    node = Node()
    node.refuses = True
    async with serving(make=node.peer) as server, NodeManagers(QUICK) as nodes:
        nodes.keep([token(server)])
        for call, method in (
            (nodes.start_container(container(server), CONTEXT), "startContainers"),
            (nodes.stop_container(ID, place(server)), "stopContainers"),
            (nodes.get_container_status(ID, place(server)), "getContainerStatuses"),
        ):
            with pytest.raises(RemoteError) as caught:
                await call
            error = caught.value
            assert error.java_class == "org.apache.hadoop.yarn.exceptions.YarnException"
            assert error.message == "Unauthorized request to start container."
            assert (error.method, error.address) == (method, str(place(server)))


async def test_without_a_token_nothing_is_sent() -> None:
    node = Node()
    async with serving(make=node.peer) as server, NodeManagers(QUICK) as nodes:
        with pytest.raises(LocalProtocolError, match="no NMToken for node"):
            await nodes.start_container(container(server), CONTEXT)
        nodes.keep([token(server)])
        with pytest.raises(LocalProtocolError, match="no container token"):
            await nodes.start_container(container(server, container_token=None), CONTEXT)
    assert server.peers == []


@pytest.mark.parametrize(
    "words",
    [
        "Container container_0_0000_00_000007 already is running on this node!!",
        "Unauthorized request.\nAttempt to relaunch the same container with id container_7.",
    ],
    ids=["runs", "has ended"],
)
async def test_a_start_whose_answer_is_lost_has_taken_place(words: str) -> None:
    node = Node()
    node.closes = 1
    async with serving(make=node.peer) as server, NodeManagers(QUICK) as nodes:
        nodes.keep([token(server)])
        node.refusal = words
        await nodes.start_container(container(server), CONTEXT)
    assert len(node.calls) == 2


async def test_a_container_of_an_earlier_resource_manager_is_told_from_other_refusals() -> None:
    node = Node()
    node.refuses = True
    node.java_class = "org.apache.hadoop.yarn.exceptions.InvalidContainerException"
    node.refusal = "\nContainer container_7 rejected as it is allocated by a previous RM"
    async with serving(make=node.peer) as server, NodeManagers(QUICK) as nodes:
        nodes.keep([token(server)])
        with pytest.raises(StaleContainerError, match=r"^Container container_7 rejected as it is"):
            await nodes.start_container(container(server), CONTEXT)


async def test_a_node_manager_that_is_started_again_is_waited_for() -> None:
    """Longer than a ResourceManager is, of which there may be another one."""
    node = Node()
    async with serving(make=node.peer) as server:
        place_of_it, address = place(server), server.address
        given = container(server)
    quick = dataclasses.replace(
        patient_options(RpcOptions()).retry, first_delay=0.001, max_delay=0.002
    )
    async with NodeManagers(RpcOptions(retry=quick)) as nodes, asyncio.TaskGroup() as group:
        nodes.keep([NMToken(node_id=place_of_it, token=NM_TOKEN)])
        task = group.create_task(nodes.start_container(given, CONTEXT))
        await asyncio.sleep(0.05)  # longer than six attempts take
        again = Server(node.peer)
        listener = await asyncio.start_server(again.serve, address.host, address.port)
        await task
        listener.close()
    assert [name for name, _ in node.calls] == ["startContainers"]


async def test_a_stop_whose_answer_is_lost_is_repeated() -> None:
    node = Node()
    node.closes = 1
    async with serving(make=node.peer) as server, NodeManagers(QUICK) as nodes:
        nodes.keep([token(server)])
        await nodes.stop_container(ID, place(server))
    assert len(node.calls) == 2


async def test_a_newer_token_takes_the_place_of_the_older() -> None:
    node = Node()
    newer = Token(b"newer", b"other", "NMToken", "")
    accepted = [NM_TOKEN, newer]
    async with (
        serving(make=lambda: node.peer(accepted.pop(0))) as server,
        NodeManagers(QUICK) as nodes,
    ):
        nodes.keep([token(server)])
        await nodes.start_container(container(server), CONTEXT)
        nodes.keep([token(server, newer)])
        await nodes.stop_container(ID, place(server))
        assert len(server.peers) == 2


async def test_a_token_that_the_node_does_not_take() -> None:
    node = Node()
    async with serving(make=node.peer) as server, NodeManagers(QUICK) as nodes:
        nodes.keep([token(server, CONTAINER_TOKEN)])
        with pytest.raises((AuthenticationError, RemoteError)):
            await nodes.start_container(container(server), CONTEXT)
    assert node.calls == []


async def test_many_starts_at_once_share_one_connection() -> None:
    node = Node()
    async with serving(make=node.peer) as server, NodeManagers(QUICK) as nodes:
        nodes.keep([token(server)])
        async with asyncio.TaskGroup() as group:
            for _ in range(20):
                group.create_task(nodes.start_container(container(server), CONTEXT))
        assert len(server.peers) == 1
    assert len(node.calls) == 20


async def test_leaving_closes_all_connections() -> None:
    node = Node()
    async with serving(make=node.peer) as first, serving(make=node.peer) as second:
        async with NodeManagers(QUICK) as nodes:
            for server in (first, second):
                nodes.keep([token(server)])
                await nodes.stop_container(ID, place(server))
        async with asyncio.timeout(20):
            while (first.gone, second.gone) != (1, 1):
                await asyncio.sleep(0.01)
