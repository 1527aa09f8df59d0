from __future__ import annotations

import pytest

from appmaster.core.scenario import Scenario, application, service
from yarnhub.control.messages import (
    AddPage,
    GetPages,
    GetUi,
    Nothing,
    Page,
    RemovePage,
    Shutdown,
    Ui,
)

A = Page(route="a", target="http://node-1:8787/status", link_name="Dashboard")
B = Page(route="b.c~1", target="https://[::1]:9000")


@pytest.fixture
def play() -> Scenario:
    scenario = Scenario(application(s=service()))
    scenario.start()
    return scenario


def test_pages_are_added_listed_and_removed(play: Scenario) -> None:
    assert play.ask(GetPages()).pages == ()
    assert play.ask(AddPage(page=A)) == Nothing()
    assert play.ask(AddPage(page=B)) == Nothing()
    assert play.ask(GetPages()).pages == (A, B)
    assert play.ask(RemovePage(route="a")) == Nothing()
    assert play.ask(GetPages()).pages == (B,)
    assert play.ask(AddPage(page=A)) == Nothing(), "its route and name are free again"


def test_routes_and_link_names_are_unique(play: Scenario) -> None:
    play.ask(AddPage(page=A))
    refused = play.refusal(AddPage(page=Page(route="a", target="http://h")))
    assert (refused.code, refused.message) == (
        "invalid",
        "route 'a' leads to http://node-1:8787/status already",
    )
    refused = play.refusal(AddPage(page=Page(route="x", target="http://h", link_name="Dashboard")))
    assert "link name 'Dashboard' is used" in refused.message
    play.ask(AddPage(page=Page(route="x", target="http://h")))
    play.ask(AddPage(page=Page(route="y", target="http://h")))
    assert len(play.ask(GetPages()).pages) == 3, "any number may have no name"


@pytest.mark.parametrize("name", ["a\x1b[2Jb", "a\nb", "x" * 5000])
def test_a_link_name_is_a_line_of_text(play: Scenario, name: str) -> None:
    refused = play.refusal(AddPage(page=Page(route="x", target="http://h", link_name=name)))
    assert "a link name is one line of text" in refused.message
    assert len(refused.message) < 500


@pytest.mark.parametrize(
    "route", ["", ".", "..", "a/b", "/a", "a?b", "a#b", "a b", "a%2fb", "ä", "a\n", '"', "<a>"]
)
def test_a_route_is_one_segment_of_a_path(play: Scenario, route: str) -> None:
    refused = play.refusal(AddPage(page=Page(route=route, target="http://h")))
    assert "a route is one segment of a path" in refused.message
    assert play.ask(GetPages()).pages == ()


@pytest.mark.parametrize(
    "target",
    [
        "",
        "invalid url",
        "host:8080",
        "/path",
        "ftp://h/",
        "javascript:alert(1)",
        "http://",
        "http:///path",
        "http://h:0/",
        "http://h:99999/",
        "http://h:x/",
        "http://[::1/",
        "http://h/\r\nHost: x",
        "http://h/ x",
        "http://h/ä",
        "http://h/?a=1",
        "http://h/#a",
    ],
)
def test_a_target_is_a_url(play: Scenario, target: str) -> None:
    refused = play.refusal(AddPage(page=Page(route="a", target=target)))
    assert "a target is a URL such as 'http://host:8080/path'" in refused.message


def test_a_link_name_is_seen(play: Scenario) -> None:
    refused = play.refusal(AddPage(page=Page(route="a", target="http://h", link_name=" ")))
    assert "a link name has letters" in refused.message


def test_only_a_page_that_is_there_can_be_removed(play: Scenario) -> None:
    refused = play.refusal(RemovePage(route="a"))
    assert (refused.code, refused.message) == ("invalid", "there is no page with route 'a'")


def test_where_the_web_pages_are_is_told_by_the_shell(play: Scenario) -> None:
    assert play.ask(GetUi()) == Ui(addresses=(), proxy_prefix="/pages")
    play.application.pages.ui = Ui(addresses=("http://rm:8088/proxy/application_1_0001/",))
    assert play.ask(GetUi()).addresses == ("http://rm:8088/proxy/application_1_0001/",)


def test_an_application_that_ends_takes_no_pages(play: Scenario) -> None:
    play.ask(Shutdown())
    assert play.refusal(AddPage(page=A)).code == "ended"


def test_pages_outlive_the_application_master(play: Scenario) -> None:
    play.ask(AddPage(page=A))
    play.ask(AddPage(page=B))
    play.restart()
    assert play.ask(GetPages()).pages == (A, B)
    play.ask(RemovePage(route="a"))
    play.restart()
    assert play.ask(GetPages()).pages == (B,)
