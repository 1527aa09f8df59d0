"""The pages of logs, as browsers get them."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import httpx

from server.platform.logged import TEXT
from yarnhub.server.listening import bind
from yarnhub.server.platform.app import serving
from yarnhub.server.platform.pages.login import COOKIE
from yarnhub.yarn.records.ids import ApplicationAttemptId

if TYPE_CHECKING:
    from server.platform.logged import Application
    from server.platform.serving import Platform


async def test_the_files_are_listed_with_their_sizes(
    logged: Platform, running: Application
) -> None:
    running.files["<b>.log"] = b"x" * 1234
    await logged.seen()
    browser = logged.browser()
    page = await logged.visit(running.logs, "a", browser)
    assert page.status_code == 200
    assert "<bdi>x.log</bdi>" in page.text
    assert "1,234" in page.text
    assert running.container in page.text
    assert "<b>" not in page.text
    assert f"/hub{running.logs}/{running.container}/%3Cb%3E.log" in page.text
    one = await browser.get(f"/hub{running.logs.removesuffix('/logs')}")
    assert f'href="/hub{running.logs}"' in one.text


async def test_a_log_is_shown_as_text_and_continues_where_the_page_ends(
    logged: Platform, running: Application
) -> None:
    running.files["x.log"] = TEXT + "<script>alert(1)</script>€".encode()[:-1]
    page = await logged.visit(running.log, "a")
    assert "an ä and a €\n&lt;script&gt;alert(1)&lt;/script&gt;</pre>" in page.text
    behind = len(running.files["x.log"]) - 2
    assert f"/changes?since={behind}" in page.text, "a character that is not complete follows"
    assert "are not shown" not in page.text


async def test_of_a_long_log_the_end_is_shown(logged: Platform, running: Application) -> None:
    running.files["x.log"] = b"begin\n" + b"x" * 70_000 + b"\nlast"
    page = await logged.visit(running.log, "a")
    assert "begin" not in page.text
    assert "\nlast</pre>" in page.text
    assert "The first 4,475 bytes are not shown" in page.text


async def test_a_complete_log_is_not_followed(logged: Platform, ended: Any) -> None:
    path, container = ended
    page = await logged.visit(f"{path}/{container}/numbers.log", "a")
    assert page.status_code == 200
    assert "The log is complete." in page.text
    assert "hx-sse:connect" not in page.text


async def test_the_whole_file_is_downloaded(logged: Platform, running: Application) -> None:
    running.files["x.log"] = b"x" * 100_000
    browser = logged.browser()
    await logged.visit(running.log, "a", browser)
    answer = await browser.get(f"/hub{running.log}/download")
    assert answer.content == running.files["x.log"]
    assert "attachment" in answer.headers["Content-Disposition"]


async def test_a_browser_follows_until_it_is_logged_out(
    logged: Platform, running: Application
) -> None:
    (listener,) = bind("127.0.0.1", 0, is_private=False)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/hub{running.log}/changes?since=0"
    session = logged.service.sessions.open("alice", "a")
    cookies = {COOKIE: session.id}
    async with (
        serving(logged.app, [listener], None),
        httpx.AsyncClient(cookies=cookies, trust_env=False) as http,
        asyncio.timeout(20),
        http.stream("GET", url) as stream,
    ):
        lines = stream.aiter_lines()
        while not (line := await anext(lines)).startswith("data:"):
            pass
        assert json.loads(line.removeprefix("data:"))["text"] == TEXT.decode()
        logged.service.sessions.close(session.id)
        running.files["x.log"] += b"secret"
        assert "secret" not in "".join([line async for line in lines])
    assert not logged.service.streams.taken


async def test_others_are_refused_in_words(logged: Platform, running: Application) -> None:
    for path in (running.logs, running.log, f"{running.log}/download"):
        page = await logged.visit(path, "b")
        assert page.status_code == 403, path
        assert "alice" in page.text


async def test_why_there_are_no_logs_yet_is_told(logged: Platform) -> None:
    number = logged.yarn.submit()
    attempt = ApplicationAttemptId(application_id=number, attempt_id=1)
    logged.yarn.change(number, current_application_attempt_id=attempt)
    page = await logged.visit(f"/applications/{number}/logs", "a")
    assert page.status_code == 409
    assert "none of its containers has started" in page.text


async def test_nobody_reads_without_a_login(logged: Platform, running: Application) -> None:
    for path in (running.logs, running.log, f"{running.log}/download"):
        assert (await logged.browser().get(f"/hub{path}")).status_code == 302
    since = f"{running.log}/changes?since=0"
    refused = await logged.browser().get(f"/hub{since}", headers={"HX-Request": "true"})
    assert refused.status_code == 401
