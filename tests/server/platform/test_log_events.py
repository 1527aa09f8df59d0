"""Logs that are followed by the API."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from client.logs.aggregated_logs import application as recorded
from client.logs.aggregated_logs import place
from server.platform.answers import events, until
from server.platform.logged import AGGREGATED, TEXT, Application, listening
from yarn.logs.recorded import CONTENT
from yarnhub.client.logs import followed
from yarnhub.server.listening import bind
from yarnhub.server.platform import app, logs
from yarnhub.watch.application_watch import ApplicationWatch
from yarnhub.yarn.records.applications import LogAggregationStatus as Aggregation
from yarnhub.yarn.records.applications import YarnApplicationState

if TYPE_CHECKING:
    from pathlib import Path

    from server.platform.serving import Platform


async def test_a_log_is_followed_until_its_container_has_ended(
    logged: Platform, running: Application
) -> None:
    other = running.start(3)
    async with asyncio.TaskGroup() as group:
        stream = group.create_task(logged.get("a", f"{running.log}/events"))
        await until(lambda: f"{running.container} x.log" in logged.nodes.asked)
        euro = "€".encode()
        running.files["x.log"] += euro[:1]
        asked = len(logged.nodes.asked)
        await until(lambda: len(logged.nodes.asked) > asked + 3)
        running.files["x.log"] += euro[1:] + b"\r\nend"
        logged.nodes.running.remove(running.container)
        answer = await stream
    *texts, end = events(answer)
    assert "".join(each["text"] for each in texts) == f"{TEXT.decode()}€\r\nend"
    assert end == {"size": len(running.files["x.log"])}
    ids = [line.removeprefix("id: ") for line in answer.text.splitlines() if line[:4] == "id: "]
    assert [each["offset"] for each in texts] == [0, *map(int, ids[: len(texts) - 1])]
    assert ids[-1] == str(end["size"])
    assert "event: end" in answer.text
    assert all(each.startswith(running.container) for each in logged.nodes.asked), other
    assert not logged.service.streams.taken


async def test_a_node_is_asked_once_per_interval(
    logged: Platform, running: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    interval = 0.05
    monkeypatch.setattr(followed, "_LOOK", interval)
    clock = asyncio.get_running_loop().time
    began = clock()
    async with asyncio.TaskGroup() as group:
        stream = group.create_task(logged.get("a", f"{running.log}/events"))
        looks = f"{running.container} None"
        await until(lambda: logged.nodes.asked.count(looks) >= 5)
        assert logged.nodes.asked.count(looks) <= 3 + (clock() - began) / interval
        del logged.hub.users["a"]
        await stream


@pytest.mark.parametrize("by", ["header", "query"])
async def test_a_stream_that_is_opened_again_continues(
    logged: Platform, running: Application, by: str
) -> None:
    headers = {"Last-Event-ID": "3"} if by == "header" else {}
    query = {"since": 3} if by == "query" else {}
    async with asyncio.TaskGroup() as group:
        stream = group.create_task(
            logged.request("GET", "a", f"{running.log}/events", headers=headers, params=query)
        )
        await until(lambda: f"{running.container} x.log" in logged.nodes.asked)
        logged.nodes.running.remove(running.container)
        first, _ = events(await stream)
    assert first == {"offset": 3, "text": TEXT[3:].decode()}


async def test_what_a_node_has_deleted_comes_from_the_aggregated_log(
    logged: Platform, tmp_path: Path
) -> None:
    """Both end together, and the last bytes were never seen on the node."""
    number = recorded(AGGREGATED)
    logged.yarn.cluster_timestamp, logged.yarn.number = number.cluster_timestamp, number.id - 1
    running = Application(logged)
    container = running.start(1)
    logged.nodes.files[container] = {"numbers.log": CONTENT["numbers.log"][:1000]}
    log = f"{running.logs}/{container}/numbers.log"
    async with asyncio.TaskGroup() as group:
        stream = group.create_task(logged.get("a", f"{log}/events"))
        await until(lambda: f"{container} numbers.log" in logged.nodes.asked)
        logged.nodes.running.remove(container)
        del logged.nodes.files[container]
        running.end()
        await until(lambda: len(logged.hub.requests) > 20)  # it waits for the upload
        assert not stream.done()
        place(logged.logs, AGGREGATED)
        logged.yarn.change(number, log_aggregation_status=Aggregation.SUCCEEDED)
        *texts, end = events(await stream)
    assert "".join(each["text"] for each in texts).encode() == CONTENT["numbers.log"]
    assert end == {"size": len(CONTENT["numbers.log"])}


async def test_an_aggregated_log_is_sent_and_ends(logged: Platform, ended: Any) -> None:
    path, container = ended
    for since, text in ((0, CONTENT["stdout"].decode()), (10**9, "")):
        answer = await logged.get("a", f"{path}/{container}/stdout/events", since=since)
        *texts, end = events(answer)
        assert "".join(each["text"] for each in texts) == text
        assert end == {"size": len(CONTENT["stdout"])}


async def test_a_long_log_is_followed_from_its_end(logged: Platform, running: Application) -> None:
    running.files["x.log"] = whole = "€".encode() * 30_000
    logged.nodes.running.append(logged.nodes.running.pop())
    async with asyncio.TaskGroup() as group:
        stream = group.create_task(logged.get("a", f"{running.log}/events"))
        await until(lambda: f"{running.container} x.log" in logged.nodes.asked)
        logged.nodes.running.remove(running.container)
        *texts, end = events(await stream)
    text = "".join(each["text"] for each in texts)
    assert text == "€" * (logs.TAIL // 3)
    assert end == {"size": len(whole)}


async def test_a_stream_ends_when_the_token_is_revoked(
    logged: Platform, running: Application
) -> None:
    async with asyncio.TaskGroup() as group:
        stream = group.create_task(logged.get("a", f"{running.log}/events"))
        await until(lambda: f"{running.container} x.log" in logged.nodes.asked)
        del logged.hub.users["a"]
        answer = await stream
    assert "event: end" not in answer.text
    assert not logged.service.streams.taken


@pytest.mark.parametrize("state", list(YarnApplicationState)[3:5])
async def test_a_stream_ends_when_yarn_does_not_show_the_application_any_more(
    logged: Platform, running: Application, state: YarnApplicationState
) -> None:
    async with asyncio.TaskGroup() as group:
        stream = group.create_task(logged.get("a", f"{running.log}/events"))
        await until(lambda: f"{running.container} x.log" in logged.nodes.asked)
        logged.yarn.change(running.number, user="bob", yarn_application_state=state)
        answer = await stream
    assert "event: end" not in answer.text


async def test_a_silent_stream_is_kept_open(
    logged: Platform, running: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "_PING", 0.01)
    async with listening(logged) as http, http.stream("GET", f"{running.log}/events") as answer:
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        async with asyncio.timeout(30):
            async for line in answer.aiter_lines():
                if line == ": ping":
                    return
    pytest.fail("the stream has ended")


async def test_a_client_that_disconnects_ends_its_stream_at_once(
    logged: Platform, running: Application
) -> None:
    async with listening(logged) as http:
        async with http.stream("GET", f"{running.log}/events") as answer:
            lines = answer.aiter_lines()
            assert await anext(lines) == "event: log"
            logged.nodes.go.clear()
            await until(lambda: logged.nodes.waiting)
        await until(lambda: not logged.service.streams.taken)
        logged.nodes.go.set()


async def test_the_end_of_the_service_ends_streams_before_their_log(
    logged: Platform, running: Application
) -> None:
    (listener,) = bind("127.0.0.1", 0, is_private=False)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/hub/api/v1{running.log}/events"
    watch = ApplicationWatch(logged.yarn, lambda: logged.yarn.now / 1000)
    logged.service.watch = watch
    async with httpx.AsyncClient(trust_env=False) as http, asyncio.timeout(20):
        async with app.serving(logged.app, [listener], None), app.running(watch.run):
            request = http.build_request("GET", url, headers={"Authorization": "token a"})
            lines = (await http.send(request, stream=True)).aiter_lines()
            assert await anext(lines) == "event: log"
        assert "event: end" not in [line async for line in lines]
