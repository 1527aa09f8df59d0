"""The compatibility page says what the walks have found."""

from __future__ import annotations

from versions.kinds import KINDS
from versions.page import COLUMNS, LIMIT, OK, PAGE, read_results, with_table
from versions.walk import CAPABILITIES


def test_the_page_agrees_with_the_results() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == with_table(page, read_results())


def test_nothing_fails_that_was_walked_through() -> None:
    results = read_results()
    for name, found in results.items():
        limits = KINDS[name].limits
        assert found == {each: LIMIT if each in limits else OK for each in CAPABILITIES}, name
    assert set(results) == set(KINDS)


def test_every_capability_has_its_column() -> None:
    assert sorted(each for column in COLUMNS.values() for each in column) == sorted(CAPABILITIES)


def test_what_fails_is_never_shown_as_working() -> None:
    results = {name: dict.fromkeys(CAPABILITIES, OK) for name in KINDS}
    assert "**fails**" not in with_table("", results)
    results["Hadoop 3.4.2"]["live_logs"] = "failed"
    del results["Hadoop 3.5.0"]["server"]
    page = with_table("", results)
    assert (page.count("**fails**"), page.count("not walked through yet")) == (1, 1)
