"""Usage by the API: who sees whose, in which sums, and as which file."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import io
from typing import TYPE_CHECKING, Any

import pytest

from database.locations import Place
from server.platform.serving import Platform, platform
from server.platform.used import KEY, observe, use
from watch.rows import row
from yarnhub.server.platform import usage, usage_table
from yarnhub.watch.ledger import LONGEST
from yarnhub.watch.visibility import AccessList
from yarnhub.yarn.records.ids import ApplicationAttemptId

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from postgresql import PostgreSQL

ADMINISTRATORS = AccessList(frozenset({"carol"}))


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Platform]:
    async with platform(tmp_path, ADMINISTRATORS) as served:
        await use(served)
        yield served


async def shown(served: Platform, token: str, **query: Any) -> dict[str, Any]:
    answer = await served.get(token, "/usage", **query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def memory(served: Platform, token: str, **query: Any) -> dict[str, int]:
    """The MiB-seconds of each series."""
    series = (await shown(served, token, **query))["series"]
    return {each["name"]: each["total"]["memory_seconds"] for each in series}


async def recorded(served: Platform) -> None:
    """Record what the ResourceManager has."""
    async with asyncio.timeout(30):
        while served.service.watch.freshness.looked != served.yarn.now:
            await asyncio.sleep(0.001)
    await served.service.recorder.record()


async def lines(served: Platform, token: str, **query: Any) -> list[list[str]]:
    answer = await served.get(token, "/usage.csv", **query)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    return list(csv.reader(io.StringIO(answer.text, newline="")))


async def test_a_user_sees_own_usage_only(served: Platform) -> None:
    found = await shown(served, "a", by="type")
    assert found["total"] == {
        "memory_seconds": 110,
        "vcore_seconds": 3,
        "resources": {"yarn.io/gpu": 7},
        "begun": 2,
        "ended": 0,
    }
    assert await memory(served, "a", by="type") == {"SPARK": 10, "=cmd()": 100}
    assert await memory(served, "a", by="user") == {"alice": 110}
    assert await memory(served, "a", user="alice", by="queue") == {"root.default": 110}
    assert await memory(served, "b", by="environment") == {KEY: 1000}
    assert await memory(served, "b", by="queue", queue="elsewhere") == {}
    for query in ({"user": "bob"}, {"scope": "all"}, {"scope": "all", "by": "queue"}):
        for path in ("/usage", "/usage.csv"):
            refused = await served.get("a", path, **query)
            assert refused.status_code == 403
            assert "administrators" in refused.json()["detail"]


async def test_administrators_see_all_usage(served: Platform) -> None:
    assert await memory(served, "c", by="user") == {"alice": 110, "bob": 1000}
    assert await memory(served, "c", by="user", user="bob") == {"bob": 1000}
    assert await memory(served, "c", by="queue", scope="all") == {"root.default": 1110}
    assert await memory(served, "c", by="user", scope="own") == {}


async def test_sums_of_others_are_shown_if_that_is_allowed(served: Platform) -> None:
    served.service.usage_of_others = True
    assert await memory(served, "a", by="queue") == {"root.default": 110}
    assert await memory(served, "a", by="queue", scope="all") == {"root.default": 1110}
    assert await memory(served, "a", by="hour", scope="all") == {"": 1110}
    for query in ({"by": "user"}, {"by": "type"}, {"by": "environment"}, {"user": "bob"}):
        refused = await served.get("a", "/usage", scope="all", **query)
        assert refused.status_code == 403
        assert "only shown by queue or hour" in refused.json()["detail"]
    assert (await served.get("a", "/usage", user="bob")).status_code == 403


@pytest.mark.parametrize("path", ["/usage", "/usage.csv"])
async def test_strangers_see_nothing(served: Platform, path: str) -> None:
    for token in ("", "unknown"):
        assert (await served.get(token, path)).status_code == 401


async def test_series_have_a_point_for_each_hour_or_day(served: Platform) -> None:
    found = await shown(served, "a", by="user", step="hour")
    (series,) = found["series"]
    (point,) = series["points"]
    assert point["time"] == "1973-03-03T09:00:00Z"
    assert {**point, "time": None} == {**series["total"], "time": None}
    found = await shown(served, "a", by="user", step="day")
    assert found["series"][0]["points"][0]["time"] == "1973-03-03T00:00:00Z"
    assert (await shown(served, "a", by="user"))["series"][0]["points"] == []
    (by_hour,) = (await shown(served, "a"))["series"]
    assert [each["time"] for each in by_hour["points"]] == ["1973-03-03T09:00:00Z"]


async def test_a_range_has_whole_hours(served: Platform) -> None:
    query = {"from": "1973-03-03T11:59:00+02:00", "to": "1973-03-03T10:00:00.001Z"}
    found = await shown(served, "a", **query)
    assert (found["begin"], found["end"]) == ("1973-03-03T09:00:00Z", "1973-03-03T11:00:00Z")
    assert found["total"]["memory_seconds"] == 110
    later = await shown(served, "a", **{"from": "1973-03-03T10:00", "to": "1973-03-04"})
    assert (later["begin"], later["total"]["memory_seconds"]) == ("1973-03-03T10:00:00Z", 0)
    default = await shown(served, "a")
    assert (default["begin"], default["end"]) == ("1973-02-24T11:00:00Z", "1973-03-03T11:00:00Z")


async def test_gaps_are_shown(served: Platform) -> None:
    served.yarn.now += LONGEST + 1000
    found = await shown(served, "a", **{"from": "1973-03-03T09:00", "to": "1973-03-03T12:00"})
    assert [(each["begin"], each["end"]) for each in found["gaps"]] == [
        ("1973-03-03T09:00:00Z", "1973-03-03T09:50:00Z"),  # before the first look
        ("1973-03-03T09:50:00Z", "1973-03-03T11:00:00Z"),
        ("1973-03-03T11:00:00Z", "1973-03-03T11:01:31Z"),  # the service or YARN is not running
    ]
    assert found["gap_seconds"] == 2 * 3600 + 91


@pytest.mark.parametrize(
    ("query", "name", "words"),
    [
        ({"from": "yesterday"}, "from", "not a time in ISO 8601"),
        ({"from": "1234567890"}, "from", "ISO 8601"),
        ({"to": "1973-03-03T10:00:00 01:00"}, "to", "write + as %2B"),
        ({"to": "0001-01-01T00:00:00+14:00"}, "to", "not between 1970 and 3000"),
        ({"from": "9999-12-31T23:59:59-14:00"}, "from", "not between"),
        ({"to": "1" * 10_000}, "to", "not"),
        ({"by": "name"}, "by", "'user', 'queue', 'type', 'environment' or 'hour'"),
        ({"step": "week"}, "step", "'hour' or 'day'"),
        ({"scope": "mine"}, "scope", "'own' or 'all'"),
        ({"user": "x" * 257}, "user", "256"),
        ({"queue": "x" * 257}, "queue", "256"),
    ],
)
async def test_invalid_parameters_are_named(
    served: Platform, query: dict[str, str], name: str, words: str
) -> None:
    for path in ("/usage", "/usage.csv"):
        answer = await served.get("c", path, **query)
        assert answer.status_code == 422
        (error,) = answer.json()["errors"]
        assert error["name"] == name
        assert words in error["detail"]


@pytest.mark.parametrize(
    ("begin", "to"),
    [
        ("1973-03-03", "1973-03-03"),
        ("1973-03-04", "1973-03-03"),
        ("1973-01-01", "1974-02-06"),
    ],
)
async def test_ranges_are_limited(served: Platform, begin: str, to: str) -> None:
    answer = await served.get("a", "/usage", **{"from": begin, "to": to})
    assert answer.status_code == 422
    assert "before the end, by 400 days at most" in answer.json()["detail"]
    longest = await served.get("a", "/usage", **{"from": "1973-01-01", "to": "1974-02-05"})
    assert longest.status_code == 200


async def test_the_number_of_sums_is_limited(
    served: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usage, "MAX_SUMS", 1)
    monkeypatch.setattr(usage, "MAX_LINES", 1)
    for path in ("/usage", "/usage.csv"):
        assert (await served.get("c", path, by="queue")).status_code == 200
        refused = await served.get("c", path, by="user")
        assert refused.status_code == 422
        assert "more than 1 sums" in refused.json()["detail"]


async def test_a_file_has_the_same_sums(served: Platform) -> None:
    assert await lines(served, "c", by="user", **{"from": "1973-03-03T09:00"}) == [
        [
            "user",
            "memory_mib_seconds",
            "vcore_seconds",
            "yarn.io/gpu_seconds",
            "applications_begun",
            "applications_ended",
            "gap_seconds",
        ],
        ["alice", "110", "3", "7", "2", "0", "7200"],
        ["bob", "1000", "0", "0", "1", "1", "7200"],
    ]
    header, line = await lines(served, "b", step="day")
    assert header[:2] == ["time", "memory_mib_seconds"]
    assert line == ["1973-03-03T00:00:00+00:00", "1000", "0", "1", "1", str(11 * 3600)]
    _, line = await lines(served, "b", step="hour", by="environment")
    assert line[:3] == ["1973-03-03T09:00:00+00:00", KEY, "1000"]
    assert line[-1] == "3600"
    assert len(await lines(served, "b", queue="elsewhere")) == 1


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t", "\r"])
async def test_a_file_has_no_formulas(served: Platform, first: str) -> None:
    name = f'{first}HYPERLINK("http://evil","x"),y'
    seen = served.yarn.now + 1
    await observe(served, seen, row(9, seen, 1, application_type=name))
    answer = await served.get("a", "/usage.csv", by="type")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "attachment" in answer.headers["Content-Disposition"]
    names = {each[0] for each in csv.reader(io.StringIO(answer.text, newline=""))}
    assert names == {"type", "SPARK", "'=cmd()", f"'{name}"}


async def test_a_long_file_is_sent_in_parts(
    served: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usage_table, "_CHUNK", 1)
    monkeypatch.setattr("yarnhub.database.usage._AT_ONCE", 7)
    seen = served.yarn.now + 1
    rows = [row(n, seen, 1, application_type=f"T{n}") for n in range(100, 200)]
    await observe(served, seen, *rows)
    found = await lines(served, "a", by="type", to="1973-03-04")
    assert len(found) == 1 + 2 + 100
    assert sum(int(each[1]) for each in found[1:]) == 210


async def test_requests_of_a_user_are_limited(served: Platform) -> None:
    served.service.queries.taken["alice"] = 2
    served.service.downloads.taken["alice"] = 1
    for path, words in (("/usage", "2 queries"), ("/usage.csv", "1 downloads")):
        refused = await served.get("a", path)
        assert refused.status_code == 429
        assert words in refused.json()["detail"]
        assert (await served.get("b", path)).status_code == 200
    assert served.service.queries.taken.total() == 2
    assert served.service.downloads.taken.total() == 1


@pytest.mark.parametrize("leaves", [True, False])
async def test_a_client_that_leaves_or_is_slow_keeps_no_connection_to_the_database(
    served: Platform, monkeypatch: pytest.MonkeyPatch, leaves: bool
) -> None:
    monkeypatch.setattr(usage, "_DOWNLOAD", 60 if leaves else 3)
    monkeypatch.setattr(usage_table, "_CHUNK", 1)
    reading, sent = asyncio.Event(), list[dict[str, Any]]()
    requests = iter([{"type": "http.request"}])
    pool = served.service.recorder._database.engine.pool

    async def receive() -> dict[str, Any]:
        if (request := next(requests, None)) is not None:
            return request
        await reading.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)
        if message.get("body"):
            assert served.service.downloads.taken == {"carol": 1}
            assert "Connections in pool: 0" in pool.status()
            if leaves:
                reading.set()
            await asyncio.Event().wait()

    scope = {
        "type": "http",
        "asgi": {"spec_version": "2.3"},  # as uvicorn's
        "method": "GET",
        "path": "/hub/api/v1/usage.csv",
        "query_string": b"by=user",
        "headers": [(b"authorization", b"token c")],
    }
    # Without an end, an HTTP client recognizes that the file is not complete.
    error = contextlib.nullcontext() if leaves else pytest.raises(RuntimeError, match="started")
    async with asyncio.timeout(30):
        with error:
            await served.app(scope, receive, send)  # type: ignore[arg-type]  # parts of the messages
    assert [each["type"] for each in sent] == ["http.response.start", "http.response.body"]
    assert not served.service.downloads.taken
    assert "Current Checked out connections: 0" in pool.status()
    assert (await served.get("c", "/usage.csv")).status_code == 200


async def test_what_the_watch_sees_is_shown(served: Platform) -> None:
    attempt = ApplicationAttemptId(attempt_id=1)
    number = served.yarn.submit("dora", current_application_attempt_id=attempt)
    served.yarn.run(number)
    served.yarn.use(number, 50)
    served.hub.users["d"] = "dora"
    served.yarn.now += 1000
    await recorded(served)
    assert served.service.recorder.failure is None
    assert (await shown(served, "d"))["total"]["memory_seconds"] == 50


async def test_without_a_database_lists_are_served(postgresql: PostgreSQL, tmp_path: Path) -> None:
    place = Place(postgresql.new_database(), postgresql)
    async with platform(tmp_path, ADMINISTRATORS, place.location) as served:
        number = served.yarn.submit()
        await recorded(served)
        assert (await served.http.get("/hub/health")).json()["works"]
        with place.away():
            served.yarn.now += 1
            await recorded(served)
            health = await served.http.get("/hub/health")
            assert health.status_code == 503
            assert (health.json()["cluster"], health.json()["database"]) == (True, False)
            assert [each["id"] for each in await served.list()] == [str(number)]
            for path in ("/usage", "/usage.csv"):
                answer = await served.get("a", path)
                assert answer.status_code == 503
                said = answer.json()["detail"]
                assert said == "The database of the service does not respond. Try again."
        await served.service.recorder.record()
        assert (await served.http.get("/hub/health")).status_code == 200
