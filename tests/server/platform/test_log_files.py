"""Log files by the API: their ends, ranges of them, and whole ones."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx
import pytest

from client.logs.aggregated_logs import open_below, place
from server.platform.answers import problem, until
from server.platform.logged import AGGREGATED, TEXT, Application, listening
from yarn.logs.recorded import CONTENT
from yarnhub.server.platform import logs, streamed

if TYPE_CHECKING:
    from server.platform.serving import Platform


def assert_text(answer: httpx.Response) -> None:
    """It is shown as text, whatever it contains."""
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"] == "sandbox"


async def test_a_short_log_is_sent_whole(logged: Platform, running: Application) -> None:
    running.files["x.log"] = b"<script>alert(1)</script>"
    answer = await logged.get("a", running.log)
    assert (answer.status_code, answer.content) == (200, b"<script>alert(1)</script>")
    assert (answer.headers["Log-Offset"], answer.headers["Log-Size"]) == ("0", "25")
    assert_text(answer)
    running.files["x.log"] = b""
    assert (await logged.get("a", running.log)).content == b""


async def test_the_end_of_a_long_log_begins_and_ends_with_whole_characters(
    logged: Platform, running: Application
) -> None:
    running.files["x.log"] = whole = "€".encode() * 30_000 + b"xx" + "ä".encode()[:1]
    answer = await logged.get("a", running.log)
    start = int(answer.headers["Log-Offset"])
    assert whole[start:-1] == answer.content
    assert 0 < start - (len(whole) - logs.TAIL) < 3
    answer.content.decode()


@pytest.mark.parametrize("live", [True, False])
async def test_ranges(logged: Platform, running: Application, ended: Any, live: bool) -> None:
    path, container = ended
    log, whole = f"{path}/{container}/numbers.log", CONTENT["numbers.log"]
    if live:
        log, running.files["x.log"] = running.log, whole
    size = len(whole)
    for wanted, start, end in (
        ("bytes=0-0", 0, 1),
        ("bytes=10-99", 10, 100),
        (f"bytes={size - 3}-", size - 3, size),
        ("bytes=-5", size - 5, size),
    ):
        answer = await logged.request("GET", "a", log, headers={"Range": wanted})
        assert (answer.status_code, answer.content) == (206, whole[start:end])
        assert answer.headers["Content-Range"] == f"bytes {start}-{end - 1}/{size}"
        assert_text(answer)
    for wanted in (f"bytes={size}-", "bytes=-0", "bytes=0-1,3-4", "lines=1-2"):
        answer = await logged.request("GET", "a", log, headers={"Range": wanted})
        assert (answer.status_code, problem(answer)["status"]) == (416, 416)
        assert answer.headers["Content-Range"] == f"bytes */{size}"


async def test_a_long_range_is_sent_in_part(
    logged: Platform, running: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "MAX_PART", 4)
    answer = await logged.request("GET", "a", running.log, headers={"Range": "bytes=1-"})
    assert (answer.status_code, answer.content) == (206, TEXT[1:5])


async def test_a_silent_node_is_told(
    logged: Platform, running: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "_ASK", 0.05)
    logged.nodes.go.clear()
    for path in (running.logs, running.log, f"{running.log}?download=true"):
        answer = await logged.get("a", path)
        assert (answer.status_code, problem(answer)["status"]) == (503, 503)
    logged.nodes.go.set()
    assert not logged.service.calls.taken
    assert not logged.service.streams.taken


async def test_requests_to_nodes_are_limited(logged: Platform, running: Application) -> None:
    logged.nodes.go.clear()
    async with asyncio.TaskGroup() as group:
        waiting = [group.create_task(logged.get("a", running.log)) for _ in range(2)]
        await until(lambda: logged.service.calls.taken["alice"] == 2)
        for path in (running.logs, running.log):
            refused = await logged.get("a", path)
            assert (refused.status_code, problem(refused)["status"]) == (429, 429)
        logged.nodes.go.set()
    assert [each.result().status_code for each in waiting] == [200, 200]
    assert not logged.service.calls.taken


@pytest.mark.parametrize("live", [True, False])
async def test_a_download_is_the_whole_file(
    logged: Platform, running: Application, ended: Any, live: bool
) -> None:
    path, container = ended
    log, whole = f"{path}/{container}/numbers.log", CONTENT["numbers.log"]
    if live:
        container, whole = running.container, whole * 100
        running.files["numbers.log"] = whole
        log = f"{running.logs}/{container}/numbers.log"
    answer = await logged.get("a", log, download=True)
    assert (answer.status_code, answer.content) == (200, whole)
    name = f"{container}-numbers.log"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}"'
    assert_text(answer)
    assert not logged.service.streams.taken
    assert not open_below(logged.logs)


@pytest.mark.parametrize(
    ("name", "saved"),
    [('a"; x=y\r\nZ: 1.html', "a___x_y__Z__1.html.txt"), ("ä €.exe", "___.exe.txt")],
)
async def test_a_download_is_saved_under_a_harmless_name(
    logged: Platform, running: Application, name: str, saved: str
) -> None:
    running.files[name] = b"x"
    path, quoted = f"{running.logs}/{running.container}", quote(name, safe="")
    answer = await logged.get("a", f"{path}/{quoted}", download=True)
    assert (answer.status_code, answer.content) == (200, b"x")
    expected = f'attachment; filename="{running.container}-{saved}"'
    assert answer.headers["Content-Disposition"] == expected


@pytest.mark.parametrize("end", ["?download=true", "/events"])
async def test_downloads_and_streams_are_limited(
    logged: Platform, running: Application, end: str
) -> None:
    logged.service.streams.taken["alice"] = 2
    answer = await logged.get("a", f"{running.log}{end}")
    assert answer.status_code == 429
    assert "streams are open" in problem(answer)["detail"]


async def test_a_client_that_disconnects_ends_its_download_at_once(
    logged: Platform, running: Application
) -> None:
    running.files["x.log"] = b"x" * (64 << 20)
    async with listening(logged) as http:
        async with http.stream("GET", running.log, params={"download": True}) as answer:
            assert answer.status_code == 200
            await anext(answer.aiter_raw())
            assert logged.service.streams.taken == {"alice": 1}
            assert not logged.nodes.cut.is_set(), "it waits for its client"
        async with asyncio.timeout(30):
            await logged.nodes.cut.wait()
        await until(lambda: not logged.service.streams.taken)


async def test_a_client_that_does_not_read_is_left(
    logged: Platform, running: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streamed, "_SEND", 1.0)
    running.files["x.log"] = b"x" * (64 << 20)
    query = {"download": True}
    async with listening(logged) as http, http.stream("GET", running.log, params=query):
        async with asyncio.timeout(30):
            await logged.nodes.cut.wait()
        await until(lambda: not logged.service.streams.taken)


async def test_a_download_that_fails_is_not_taken_for_whole(
    logged: Platform, running: Application
) -> None:
    running.files["x.log"] = b"x" * 100_000
    logged.nodes.before_reading = lambda: running.files.update({"x.log": b"x"})
    async with listening(logged) as http:
        with pytest.raises(httpx.RemoteProtocolError):
            await http.get(running.log, params={"download": True})


async def test_a_log_that_was_uploaded_in_parts_is_read_as_one(
    logged: Platform, ended: Any
) -> None:
    path, container = ended
    place(logged.logs, AGGREGATED, node="localhost_18041_1795244559999")
    whole = 2 * CONTENT["numbers.log"]
    log = f"{path}/{container}/numbers.log"
    assert (await logged.get("a", log, download=True)).content == whole
    middle = len(whole) // 2
    wanted = {"Range": f"bytes={middle - 3}-{middle + 2}"}
    part = await logged.request("GET", "a", log, headers=wanted)
    assert part.content == whole[middle - 3 : middle + 3]
    files = (await logged.get("a", path)).json()["files"]
    assert [each["size"] for each in files if each["name"] == "numbers.log"] == [len(whole)] * 2
