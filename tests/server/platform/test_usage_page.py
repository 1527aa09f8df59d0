"""The page of usage, as browsers get it; `tests/hub` looks at it in a real one."""

from __future__ import annotations

import html
import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from database.locations import Place
from server.platform.serving import Platform, platform
from server.platform.used import KEY, observe, use
from watch.rows import row
from yarnhub.server.platform import usage
from yarnhub.server.platform.pages import usage as page_of_usage
from yarnhub.server.platform.pages.words import amount, span
from yarnhub.watch.usage import HOUR
from yarnhub.watch.visibility import AccessList
from yarnhub.yarn.records.applications import ApplicationResourceUsageReport

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import httpx

    from postgresql import PostgreSQL
    from yarnhub.watch.table import Row

ADMINISTRATORS = AccessList(frozenset({"carol"}))
HOSTILE = "<script>alert(1)</script>\"'\x1b[31m\u202e"
GIB_HOUR = 1024 * 3600


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Platform]:
    async with platform(tmp_path, ADMINISTRATORS) as served:
        await use(served)
        yield served


def names(page: httpx.Response) -> list[str]:
    """What the rows of the table are for, in order."""
    found = re.findall(r'<th scope="row">.*?<bdi>(.*?)</bdi>', page.text)
    return [html.unescape(each) for each in found]


def cells(page: httpx.Response) -> list[list[str]]:
    """The numbers of the rows, in order."""
    rows = re.findall(r"<tr>\s*<th scope=\"row\">.*?</tr>", page.text, re.DOTALL)
    return [re.findall(r'<td class="number">(.*?)</td>', each) for each in rows]


def chart(page: httpx.Response) -> dict[str, Any]:
    """What the script draws."""
    found = re.search(r'data-chart="([^"]*)"', page.text)
    assert found, page.text
    drawn: dict[str, Any] = json.loads(html.unescape(found[1]))
    return drawn


def csv_address(page: httpx.Response) -> str:
    found = re.search(r'href="(/hub/usage\.csv[^"]*)"', page.text)
    assert found, page.text
    return html.unescape(found[1])


def used(number: int, now: int, memory: int, **changes: Any) -> Row:
    """An application that has used GiB hours."""
    return row(number, now, memory * GIB_HOUR, start_time=now - 1000, **changes)


async def test_a_user_sees_own_usage_of_a_week_by_queue_and_day(served: Platform) -> None:
    page = await served.visit("/usage", "a")
    assert page.status_code == 200
    assert "What <bdi>alice</bdi> used from 1973-02-25 to 1973-03-03." in page.text
    assert names(page) == ["root.default"]
    assert cells(page) == [["&lt; 0.01", "&lt; 0.01", "&lt; 0.01", "2", "0"]]
    assert "&lt; 0.01 <bdi>GPU hours</bdi>" in page.text
    drawn = chart(page)
    assert (drawn["begin"], drawn["step"], drawn["count"]) == (99_446_400, 86_400, 7)
    assert drawn["series"] == [[[6, pytest.approx(110 / GIB_HOUR, rel=1e-3)]]]
    assert 'href="/hub/usage" aria-current="page"' in page.text
    for name in ("scope", "user"):  # there is nothing to choose from
        assert f'name="{name}"' not in page.text


@pytest.mark.parametrize(
    ("query", "name", "words"),
    [
        ("user=bob", "user", "Only administrators see the usage of bob."),
        ("scope=all", "scope", "Only administrators see the usage of others."),
        ("scope=all&by=user", "scope", "Only administrators see the usage of others."),
    ],
)
async def test_users_do_not_see_the_usage_of_others(
    served: Platform, query: str, name: str, words: str
) -> None:
    browser = served.browser()
    page = await served.visit(f"/usage?{query}", "a", browser)
    assert page.status_code == 403
    assert words in page.text
    assert "data-chart" not in page.text
    assert names(page) == []
    file = await browser.get(f"/hub/usage.csv?{query}")
    assert file.status_code == 403
    assert f"{name}: only administrators" in file.text


async def test_administrators_see_all_and_choose(served: Platform) -> None:
    browser = served.browser()
    page = await served.visit("/usage?by=user", "c", browser)
    assert "What everybody used" in page.text
    assert names(page) == ["bob", "alice"]
    assert '<option value="all" selected>' in page.text
    link = re.search(r'<a href="(\?[^"]*user=bob[^"]*)"', page.text)
    assert link
    bobs = await browser.get(f"/hub/usage{html.unescape(link[1])}")
    assert "What <bdi>bob</bdi> used" in bobs.text
    assert cells(bobs)[0][-2:] == ["1", "1"]
    own = await browser.get("/hub/usage?scope=own")
    assert "Nothing was used in this time." in own.text
    assert "data-chart" not in own.text
    environments = await browser.get("/hub/usage?by=environment")
    assert names(environments) == [KEY, "(no environment)"]


async def test_sums_of_others_are_shown_if_that_is_allowed(served: Platform) -> None:
    served.service.usage_of_others = True
    browser = served.browser()
    page = await served.visit("/usage", "a", browser)
    assert '<option value="own" selected>' in page.text
    assert cells(page)[0][-2:] == ["2", "0"]
    everybody = await browser.get("/hub/usage?scope=all")
    assert "What everybody used" in everybody.text
    assert cells(everybody)[0][-2:] == ["3", "1"]
    assert '<a href="?from=1973-02-25&amp;to=1973-03-03&amp;by=' not in everybody.text
    refused = await browser.get("/hub/usage?scope=all&by=type")
    assert refused.status_code == 403
    assert 'name="scope" aria-invalid="true" aria-describedby="scope-error"' in refused.text
    assert "Others&#39; usage is only shown by queue or hour." in refused.text


@pytest.mark.parametrize(
    ("query", "name", "words"),
    [
        ("from=yesterday", "from", "Not a date, such as 2026-11-30."),
        ("from=1973-03-03T10:00", "from", "Not a date"),
        ("to=1973-02-30", "to", "Not a date"),
        ("to=" + "1" * 200, "to", "Not a date"),
        ("to=9999-12-31", "to", "Not between 1970 and 3000."),
        ("from=0001-01-01", "from", "Not between 1970 and 3000."),
        ("from=1973-03-04&to=1973-03-03", "from", "Must be before the end, by 400 days at most."),
        ("from=1972-01-28&to=1973-03-03", "from", "by 400 days at most."),
    ],
)
async def test_what_is_wrong_is_said_at_the_field(
    served: Platform, query: str, name: str, words: str
) -> None:
    browser = served.browser()
    page = await served.visit(f"/usage?{query}&queue=root.q", "a", browser)
    assert page.status_code == 422
    assert re.search(
        rf'name="{name}" [^>]*aria-invalid="true" aria-describedby="{name}-error">', page.text
    )
    assert page.text.count("aria-invalid") == 1
    (said,) = re.findall(rf'<small id="{name}-error" role="alert">(.*?)</small>', page.text)
    assert words in said
    assert 'name="queue" value="root.q"' in page.text, "what was right is kept"
    assert (await browser.get(f"/hub/usage.csv?{query}")).status_code == 422


@pytest.mark.parametrize(
    "query",
    [
        "by=hour",
        "by=x",
        "step=week",
        "scope=mine",
        *(f"{n}={'x' * 257}" for n in ("user", "queue")),
    ],
)
async def test_what_the_form_cannot_send_is_named(served: Platform, query: str) -> None:
    browser = served.browser()
    await served.visit("/usage", "a", browser)
    for path in ("usage", "usage.csv"):
        page = await browser.get(f"/hub/{path}?{query}")
        assert page.status_code == 422
        assert f"invalid: {query.partition('=')[0]}: " in page.text


async def test_a_range_has_whole_days_in_utc(served: Platform) -> None:
    browser = served.browser()
    page = await served.visit("/usage?from=1973-03-03&to=1973-03-03&step=hour", "a", browser)
    assert "used on 1973-03-03." in page.text
    drawn = chart(page)
    assert (drawn["begin"], drawn["step"], drawn["count"]) == (99_964_800, 3600, 24)
    assert [n for n, _ in drawn["series"][0]] == [9]
    before = await browser.get("/hub/usage?to=1973-03-02")
    assert 'name="from" value="1973-02-24"' in before.text
    assert "Nothing was used in this time." in before.text
    longest = await browser.get("/hub/usage?from=1972-01-29&to=1973-03-03")
    assert chart(longest)["count"] == 400
    cleared = await browser.get("/hub/usage?from=&to=&user=&queue=")
    assert names(cleared) == ["root.default"]


async def test_foreign_text_is_shown_as_text(served: Platform) -> None:
    resources = ApplicationResourceUsageReport(application_resource_usage_map={HOSTILE: 7200})
    now = served.yarn.now + 1
    await observe(
        served,
        now,
        used(7, now, 5, application_type=HOSTILE, queue=f"root.{HOSTILE}"),
        row(8, now, application_type="x", app_resource_usage=resources),
    )
    browser = served.browser()
    await served.visit("/usage", "a", browser)
    for query in (
        {"by": "type"},
        {"by": "queue", "measure": HOSTILE},
        {"by": "queue", "queue": f"root.{HOSTILE}"},
        {"user": HOSTILE},
        {"from": HOSTILE},
    ):
        page = await browser.get("/hub/usage", params=query)
        assert "<script>alert" not in page.text
        assert "&lt;script&gt;alert" in page.text
    page = await browser.get("/hub/usage", params={"by": "type"})
    assert "<script>alert(1)</script>\"'[31m" in names(page), "without control characters"
    assert "alert" not in json.dumps(chart(page)), "the script gets no names"


async def test_the_file_has_the_same_and_needs_the_login(served: Platform) -> None:
    browser = served.browser()
    page = await served.visit("/usage?by=user&step=hour&from=1973-03-03&user=bob", "c", browser)
    file = await browser.get(csv_address(page))
    assert file.status_code == 200
    assert file.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert "attachment" in file.headers["Content-Disposition"]
    same = {"by": "user", "step": "hour", "user": "bob", "from": "1973-03-03", "to": "1973-03-04"}
    assert file.text == (await served.get("c", "/usage.csv", **same)).text
    assert file.text.splitlines()[1].startswith("1973-03-03T09:00:00+00:00,bob,1000,")
    for path in ("usage", "usage.csv"):
        stranger = await served.browser().get(f"/hub/{path}", headers={"Authorization": "token c"})
        assert stranger.status_code == 302
    assert served.service.downloads.taken.total() == 0


async def test_the_largest_have_colors_and_the_others_are_added_up(served: Platform) -> None:
    now = served.yarn.now + 1
    rows = [used(n, now, n, application_type=f"T{n}") for n in range(101, 113)]
    await observe(served, now, *rows)
    browser = served.browser()
    page = await served.visit("/usage?by=type", "a", browser)
    assert names(page) == [f"T{n}" for n in range(112, 100, -1)] + ["=cmd()", "SPARK"]
    drawn = chart(page)["series"]
    assert [value for ((_, value),) in drawn[:-1]] == list(range(112, 104, -1))
    assert drawn[-1] == [[6, 101 + 102 + 103 + 104]]
    assert "6 others" in page.text
    assert page.text.count("swatch series-others") == 1 + 6
    gpus = await browser.get("/hub/usage?by=type&measure=yarn.io/gpu")
    assert names(gpus)[0] == "=cmd()"
    assert len(chart(gpus)["series"]) == 1
    assert "others" not in re.sub("series-others", "", gpus.text)
    nothing = await browser.get("/hub/usage?by=type&measure=yarn.io/fpga")
    assert "No <bdi>FPGA hours</bdi> were used in this time." in nothing.text
    assert len(names(nothing)) == 14


async def test_a_long_table_is_cut(served: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_of_usage, "MAX_ROWS", 1)
    page = await served.visit("/usage?by=type", "a")
    assert names(page) == ["=cmd()"]
    assert "1 more rows are not shown: the CSV file has all." in page.text


async def test_gaps_are_in_a_sentence_and_in_the_chart(served: Platform) -> None:
    browser = served.browser()
    page = await served.visit("/usage?from=1973-03-03", "a", browser)
    sentence = (
        "The cluster was not observed for 11 hours: from 1973-03-03 00:00 to 09:50 UTC and from "
        "1973-03-03 09:50 to 11:00 UTC."
    )
    assert sentence in page.text
    assert "Not observed" in page.text
    assert chart(page)["gaps"] == [[99_964_800, 100_000_200], [100_000_200, 100_004_400]]
    for day in (1, 2):
        now = served.yarn.now = served.yarn.now + day * 24 * HOUR
        await observe(served, now, row(50, now, 1))
    page = await browser.get("/hub/usage")
    assert (
        "in total; the longest times were from 1973-02-28 00:00 to 1973-03-03 09:50 UTC, from"
        in page.text
    )
    without = await browser.get("/hub/usage?from=1980-01-01&to=1980-01-02")
    assert "not observed" not in without.text


async def test_too_much_is_said_with_the_form(
    served: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usage, "MAX_SUMS", 1)
    browser = served.browser()
    page = await served.visit("/usage?by=type", "a", browser)
    assert page.status_code == 422
    assert "This has more than 1 sums: use a shorter range" in page.text
    assert '<option value="type" selected>' in page.text
    served.service.queries.taken["alice"] = 2
    many = await browser.get("/hub/usage")
    assert many.status_code == 429
    assert "2 queries of usage are open" in many.text


async def test_without_a_database_the_page_says_so(postgresql: PostgreSQL, tmp_path: Path) -> None:
    place = Place(postgresql.new_database(), postgresql)
    async with platform(tmp_path, ADMINISTRATORS, place.location) as served:
        await use(served)
        browser = served.browser()
        assert names(await served.visit("/usage", "a", browser)) == ["root.default"]
        with place.away():
            for path in ("usage", "usage.csv"):
                page = await browser.get(f"/hub/{path}")
                assert page.status_code == 503
                assert "The database of the service does not respond. Try again." in page.text
        assert served.service.queries.taken.total() == 0
        assert (await browser.get("/hub/usage")).status_code == 200


async def test_the_chart_is_drawn_by_files_of_ours(served: Platform) -> None:
    browser = served.browser()
    page = await served.visit("/usage", "a", browser)
    found = re.findall(r'(?:href|src)="(/hub/static/[^"]+)"', page.text)
    assert {each.partition("?")[0].rpartition("/")[2] for each in found} > {
        "uPlot.min.css",
        "uPlot.iife.min.js",
        "usage.js",
    }
    for each in found:
        assert (await browser.get(each)).status_code == 200
    assert "style=" not in page.text
    assert not re.search(r"<script(?! src=)", page.text)
    other = await browser.get("/hub/cluster")
    assert "uPlot" not in other.text


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (0.001, "< 0.01"), (0.01, "0.01"), (9.5, "9.50"), (10, "10.0"), (12345.6, "12,346")],
)
def test_amounts_have_three_digits(number: float, text: str) -> None:
    assert amount(number) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 seconds"),
        (91, "1 minute 31 seconds"),
        (3600, "1 hour"),
        (3661, "1 hour 1 minute"),
        (86_401, "1 day"),
        (180_000, "2 days 2 hours"),
    ],
)
def test_times_have_two_units(seconds: int, text: str) -> None:
    assert span(seconds) == text
