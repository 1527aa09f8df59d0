"""The compatibility page says what the walks with Spark have found."""

from __future__ import annotations

from versions.page import LIMIT, OK, PAGE
from versions.spark_kinds import SPARK_KINDS
from versions.spark_page import BEGIN, COLUMNS, read_spark_results, with_spark_table
from versions.spark_walk import LIMITED, SPARK_CAPABILITIES


def test_the_page_agrees_with_the_results() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == with_spark_table(page, read_spark_results())
    assert page.count(BEGIN) == 1


def test_nothing_fails_that_was_walked_through() -> None:
    results = read_spark_results()
    for name, kind in SPARK_KINDS.items():
        tried = SPARK_CAPABILITIES if kind.limit is None else LIMITED
        expected = OK if kind.limit is None else LIMIT
        # The page says what was not walked through.
        assert results[name].items() <= dict.fromkeys(tried, expected).items(), name
        assert "session" in results[name]
    assert set(results) == set(SPARK_KINDS)


def test_every_capability_has_its_column() -> None:
    assert sorted(each for column in COLUMNS.values() for each in column) == sorted(
        SPARK_CAPABILITIES
    )


def test_what_fails_is_never_shown_as_working() -> None:
    good = dict.fromkeys(SPARK_CAPABILITIES, OK)
    results = {name: dict(good) for name in SPARK_KINDS}
    results["Spark 4.3.0, Java 17"]["interrupt"] = "failed"
    del results["Spark 4.2.1, Java 17"]["batch"]
    page = with_spark_table("", results)
    assert (page.count("**fails**"), page.count("not walked through yet")) == (1, 1)
