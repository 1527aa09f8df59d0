"""What the pages show, and that nothing in it is taken for markup."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import pytest

from appmaster.core.scenario import RESOURCES, START, Scenario, application, container, service
from yarnhub.appmaster.shell.web.pages import (
    duration,
    keys_page,
    memory,
    message_page,
    overview_page,
)
from yarnhub.appmaster.shell.web.views import MAX_KEYS, MAX_SHOWN, Origin, keys, overview
from yarnhub.control import json
from yarnhub.control.messages import AddPage, KillContainer, Page, PutKey, Scale, SetProgress
from yarnhub.spec import ApplicationSpec, Master

HOSTILE = "</pre><script>alert('x')</script><img src=x onerror=\"y\">&amp;"
ORIGIN = Origin(
    id="application_1700000000000_0007",
    name="app",
    user="alice",
    scheme="http",
    node="node-0:8042",
    container="container_1",
    start_time=START,
)


class Reader(HTMLParser):
    """What a browser makes of a page: its elements, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def links(self) -> list[str | None]:
        return [attributes["href"] for tag, attributes in self.elements if tag == "a"]


def run(**services: Any) -> Scenario:
    play = Scenario(application("run", **services))
    play.start()
    return play


def shown(play: Scenario) -> str:
    return overview_page(overview(play.application, ORIGIN, play.now))


def test_an_overview_tells_where_the_application_is() -> None:
    play = run(worker=service(instances=3, allow_failures=True), idle=service(instances=0))
    first, *_ = play.allocate("worker", 2)
    play.complete(first, 3, "[2026]Exception from container-launch.")
    play.ask(SetProgress(progress=0.25))
    view = overview(play.application, ORIGIN, START + 3700)
    assert (view.state, view.runtime, view.progress) == ("RUNNING", 3700, 0.25)
    assert (view.memory, view.vcores) == (512, 1), "this scheduler gives containers of nothing"
    worker, idle = view.services
    assert {state: count for state, count in worker.counts.items() if count} == {
        "RUNNING": 1,
        "REQUESTED": 1,
        "FAILED": 1,
    }
    assert [each.id for each in worker.containers] == ["worker_1", "worker_2", "worker_0"]
    running, pending, failed = worker.containers
    assert running.log is not None
    assert running.log.address == (
        f"http://node-1:8042/node/containerlogs/{container(3, 1).id}/alice/worker.log?start=-4096"
    )
    assert (pending.log, pending.runtime, pending.node) == (None, None, "")
    assert failed.exit_message.startswith("Exit code 3: its program failed, see its log.")
    assert idle.containers == ()

    page = Reader(overview_page(view))
    for text in ("alice", "default", "1h 1m", "25%", "worker_0", "Exit code 3", "1 running"):
        assert text in page.text
    assert running.log.address in page.links()
    assert "http://node-0:8042/node/containerlogs/container_1/alice/application.driver.log" in (
        "".join(str(link) for link in page.links())
    )
    assert "N/A" in Reader(shown(run(a=service()))).text, "no progress was set"


def test_memory_and_cores_are_those_that_the_scheduler_gave() -> None:
    from dataclasses import replace

    from yarnhub.yarn.records.resources import Resource

    play = run(worker=service())
    given = replace(play.container("worker"), resource=Resource(memory=1024, virtual_cores=2))
    play.heartbeat(given)
    view = overview(play.application, ORIGIN, play.now)
    assert (view.memory, view.vcores) == (512 + 1024, 1 + 2)
    play.complete(given)
    view = overview(play.application, ORIGIN, play.now)
    assert (view.memory, view.vcores) == (512, 1)


def test_the_json_form_says_the_same() -> None:
    play = run(worker=service())
    view = overview(play.application, ORIGIN, play.now)
    assert json.load(type(view), json.dump(view)) == view


def test_links_are_relative_and_end_as_their_targets_do() -> None:
    play = run(worker=service())
    for route, target, name in (
        ("root", "http://h:1", "Root"),
        ("folder", "http://h:1/tmp/", "Folder"),
        ("file", "http://h:1/tmp/x", "File"),
        ("hidden", "http://h:1", None),
    ):
        play.ask(AddPage(page=Page(route=route, target=target, link_name=name)))
    page = shown(play)
    for link in ("./overview", "./kv", "./pages/root/", "./pages/folder/", "./pages/file"):
        assert f'href="{link}"' in page
    assert "hidden" not in page
    assert "No service pages available" not in page
    assert "No service pages available" in shown(run(worker=service()))


def test_of_many_containers_the_latest_are_shown() -> None:
    play = run(worker=service(instances=MAX_SHOWN + 30))
    play.allocate("worker", MAX_SHOWN + 10)
    for number in range(5):
        play.ask(KillContainer(id=f"worker_{number}"))
    (worker,) = overview(play.application, ORIGIN, play.now).services
    assert [each.id for each in worker.containers[-2:]] == ["worker_1", "worker_0"]
    assert (len(worker.containers), worker.more) == (MAX_SHOWN + 20 + 5, 5)
    assert "and 5 more" in shown(play)


def test_an_end_is_told() -> None:
    play = run(worker=service())
    given = play.allocate("worker")
    play.complete(given[0], 1)
    page = shown(play)
    assert "Failure in service worker" in page
    assert "http-equiv" not in page, "nothing will change any more"
    assert 'http-equiv="refresh"' in shown(run(worker=service()))


@pytest.mark.parametrize("secret", ["", "not for you"])
def test_keys_are_shown_with_owners_and_values(secret: str) -> None:
    play = run(worker=service())
    play.ask(PutKey(key="a", value="grüße".encode(), owner="worker_0"))
    play.ask(PutKey(key="b", value=b"\xff\xfe"))
    play.ask(PutKey(key="c", value=b"x" * 10_000))
    page = Reader(keys_page(keys(play.application, ORIGIN, "", secret)))
    assert "3 keys" in page.text
    assert "worker_0" in page.text
    assert "7 B" in page.text
    assert ("grüße" in page.text) == (not secret)
    assert ("<binary value>" in page.text) == (not secret)
    assert ("x" * 4096 + "… (10000 characters)" in page.text) == (not secret)
    assert (secret in page.text) if secret else True


def test_keys_are_found_by_prefix_and_bounded_in_number() -> None:
    play = run(worker=service())
    for number in range(MAX_KEYS + 2):
        play.ask(PutKey(key=f"n{number:04}", value=b"v"))
    play.ask(PutKey(key="other", value=b"v"))
    page = Reader(keys_page(keys(play.application, ORIGIN, "n", ""))).text
    assert f"{MAX_KEYS + 2} keys, of which the first {MAX_KEYS} are shown" in page
    assert "other" not in page
    assert "1 key" in Reader(keys_page(keys(play.application, ORIGIN, "o", ""))).text


def test_nothing_that_users_write_becomes_markup() -> None:
    spec = ApplicationSpec(
        name=HOSTILE,
        queue=HOSTILE,
        services={"s": service(allow_failures=True)},
        master=Master(resources=RESOURCES, script="run"),
    )
    play = Scenario(spec)
    play.start()
    given = play.allocate("s")
    play.complete(given[0], 1, HOSTILE)
    play.ask(Scale(service="s", count=1))
    play.ask(PutKey(key=HOSTILE, value=HOSTILE.encode()))
    play.ask(AddPage(page=Page(route="r", target="http://h/'<x>'", link_name=HOSTILE)))
    from dataclasses import replace

    origin = replace(ORIGIN, name=HOSTILE, user=HOSTILE, node=HOSTILE, container=HOSTILE)
    pages = {
        overview_page(overview(play.application, origin, play.now)): 4,
        keys_page(keys(play.application, origin, "", HOSTILE)): 3,
        keys_page(keys(play.application, origin, HOSTILE[:3], "")): 3,
        message_page(HOSTILE, HOSTILE, origin): 2,
    }
    for page, times in pages.items():
        read = Reader(page)
        assert not {"script", "img"} & {tag for tag, _ in read.elements}
        assert not any(name.startswith("on") for _, given in read.elements for name in given)
        assert read.text.count(HOSTILE) >= times
    values = [given.get("value") for tag, given in Reader(list(pages)[2]).elements]
    assert HOSTILE[:3] in values, "what was asked for is put into the form again"


def test_units() -> None:
    assert [duration(each) for each in (0, 59.9, 60, 3599, 3600, 100_000)] == [
        "0s",
        "59s",
        "1m",
        "59m",
        "1h 0m",
        "27h 46m",
    ]
    assert [memory(each) for each in (0, 1023, 1024, 1536, 20480)] == [
        "0 MiB",
        "1023 MiB",
        "1 GiB",
        "1.5 GiB",
        "20 GiB",
    ]
