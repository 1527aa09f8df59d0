"""What an administrator sees of the service in Prometheus, and who can read it."""

from __future__ import annotations

import asyncio
import math
import re
from typing import TYPE_CHECKING

import pytest
from prometheus_client.parser import text_string_to_metric_families

from docs.blocks import PROJECT
from server.platform.answers import problem, until
from server.platform.logged import listening
from server.platform.serving import platform
from yarnhub.base.errors import ConfigurationError, ConnectError
from yarnhub.database.location import Location
from yarnhub.environments.cluster_build.application import TAG
from yarnhub.server.platform.traits import Platform as Settings
from yarnhub.watch.visibility import NO_ONE
from yarnhub.yarn.records.applications import YarnApplicationState

if TYPE_CHECKING:
    from pathlib import Path

    from server.platform.logged import Application
    from server.platform.serving import Platform

PREFIX = "yarnhub_platform_"


async def text_of(served: Platform) -> str:
    answer = await served.http.get("/hub/metrics")
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    return answer.text


async def read(served: Platform, name: str, **labels: str) -> float | None:
    """The value of a metric; None if there is none with these labels."""
    for family in text_string_to_metric_families(await text_of(served)):
        for sample in family.samples:
            if (sample.name, sample.labels) == (PREFIX + name, labels):
                return float(sample.value)
    return None


async def test_they_are_for_this_host_or_a_token(served: Platform, tmp_path: Path) -> None:
    async def status(**headers: str) -> int:
        return (await served.http.get("/hub/metrics", headers=headers)).status_code

    assert await status() == 200
    refused = await served.http.get("/hub/metrics", headers={"X-Forwarded-For": "192.0.2.1"})
    assert problem(refused)["status"] == 403
    file = tmp_path / "token"
    file.write_text("m\n")
    served.service.metrics_token = Settings(metrics_token_file=str(file)).metrics_token()
    assert await status() == 403
    assert await status(Authorization="token a") == 403
    assert await status(Authorization="Bearer m") == 200


@pytest.mark.parametrize("content", ["", None])
def test_a_token_that_cannot_be_read_is_refused(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_text(content)
    with pytest.raises(ConfigurationError, match=r"Platform\.metrics_token_file: "):
        Settings(metrics_token_file=str(file)).metrics_token()


async def test_each_metric_is_described(served: Platform) -> None:
    page = (PROJECT / "docs" / "howto" / "platform.md").read_text("utf-8")
    described = re.findall(r"^\| `(yarnhub_platform_\w+)` \|", page, re.MULTILINE)
    families = text_string_to_metric_families(await text_of(served))
    found = {each.name + "_total" * (each.type == "counter") for each in families}
    assert set(described) == found


async def test_applications_and_builds_are_counted_by_state(served: Platform) -> None:
    served.yarn.submit()
    served.yarn.run(served.yarn.submit(user="bob"))
    served.yarn.submit(tags=(TAG,))
    ended = served.yarn.submit(tags=(TAG,))
    served.yarn.end(ended, YarnApplicationState.KILLED)
    await served.seen()
    for state, number in (("ACCEPTED", 2), ("RUNNING", 1), ("KILLED", 1), ("FAILED", 0)):
        assert await read(served, "applications", state=state) == number, state
    for state, number in (("waiting", 1), ("killed", 1), ("ready", 0)):
        assert await read(served, "builds", state=state) == number, state


async def test_the_age_of_what_is_known_grows_while_the_cluster_does_not_respond(
    served: Platform,
) -> None:
    await until(lambda: served.service.watch.freshness.looked is not None)
    assert await read(served, "watch_age_seconds") == 0
    served.yarn.errors = [ConnectError("refused")] * 100_000
    await until(lambda: served.service.watch.freshness.failure is not None)
    served.yarn.now += 90_000
    assert await read(served, "watch_age_seconds") == 90


async def test_the_age_of_usage_grows_while_it_is_not_stored(served: Platform) -> None:
    await until(lambda: served.service.watch.freshness.looked is not None)
    assert await read(served, "usage_age_seconds") == math.inf
    await served.service.recorder.open()
    await served.service.recorder.record()
    assert await read(served, "usage_age_seconds") == 0
    served.yarn.now += 45_000
    assert await read(served, "usage_age_seconds") == 45


async def test_errors_of_the_database_are_counted(tmp_path: Path) -> None:
    nowhere = Location.parse("postgresql://platform@127.0.0.1:1/platform")
    async with platform(tmp_path, NO_ONE, nowhere) as served:
        assert await read(served, "database_errors_total") == 0
        assert (await served.get("a", "/usage")).status_code == 503
        assert await read(served, "database_errors_total") == 1


async def test_responses_are_counted_by_route_and_never_by_path(served: Platform) -> None:
    number = served.yarn.submit(name="secret")
    await served.seen()
    for _ in range(2):
        assert (await served.get("a", f"/applications/{number}")).status_code == 200
    await served.get("", f"/applications/{number}")
    await served.http.request("BREW", "/hub/api/v1/applications")
    await served.http.get("/hub/api/v1/secret")
    await served.browser().get("/hub/secret")
    await served.visit(f"/applications/{number}", "a")
    served.service.views = None  # type: ignore[assignment]  # a fault
    assert (await served.get("a", "/applications")).status_code == 500
    for route, status, times in (
        ("/api/v1/applications/{application_id}", "200", 2),
        ("/api/v1/applications/{application_id}", "401", 1),
        ("/api/v1/applications", "405", 1),
        ("/api/v1/applications", "500", 1),
        ("/applications/{application_id}", "302", 1),
        ("/applications/{application_id}", "200", 1),
        ("/oauth_callback", "303", 1),
        ("other", "404", 2),
    ):
        found = await read(served, "response_seconds_count", route=route, status=status)
        assert found == times, (route, status)
    text = await text_of(served)
    for each in (str(number), "alice", "secret", "BREW"):
        assert each not in text


async def test_open_streams_and_downloads_are_counted(
    logged: Platform, running: Application
) -> None:
    running.files["x.log"] = b"x" * (64 << 20)
    async with listening(logged) as http:
        async with (
            http.stream("GET", "/applications/events"),
            http.stream("GET", running.log, params={"download": True}) as download,
        ):
            await anext(download.aiter_raw())
            assert await read(logged, "streams", kind="events") == 1
            assert await read(logged, "streams", kind="log-download") == 1
        async with asyncio.timeout(30):
            await logged.nodes.cut.wait()
        # The service sees that a stream of events has ended when it has something to send.
        logged.yarn.submit()
        await until(lambda: not logged.service.streams.taken)
    assert await read(logged, "streams", kind="events") == 0
    assert await read(logged, "streams", kind="log-download") == 0
