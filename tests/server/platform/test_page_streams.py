"""What browsers receive while they show a page; `tests/hub` looks at it in a real one."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from server.platform.browsing import streamed
from server.platform.serving import Platform, platform
from watch.fake_resource_manager import FakeResourceManager
from yarnhub.base.errors import ConnectError
from yarnhub.server.platform.pages import one_application
from yarnhub.watch.visibility import AccessList

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


async def test_a_stream_replaces_only_what_has_changed(served: Platform) -> None:
    first, second = served.yarn.submit(), served.yarn.submit()
    await served.seen()
    whole, row, again = await streamed(
        served,
        "/applications/changes?sort=id",
        3,
        [lambda: served.yarn.run(first), served.yarn.submit],
    )
    assert 'hx-target="#list"' in whole
    assert str(second) in whole
    assert f'hx-target="#{first}"' in row
    assert "Running" in row
    assert str(second) not in row
    assert 'hx-target="#head"' in row, "one waits less"
    assert 'hx-target="#list"' in again
    assert served.service.streams.taken.total() == 0


async def test_the_stream_of_an_application_ends_with_it_and_is_not_opened_again(
    served: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(one_application, "_LOOK", 0.001)
    number = served.yarn.submit()
    await served.seen()
    waits, ended, end = await streamed(
        served, f"/applications/{number}/changes", 3, [lambda: served.yarn.end(number)]
    )
    assert "It waits for a container for its ApplicationMaster." in waits
    assert "Killed" in ended
    assert end.startswith("event: end")
    page = await served.visit(f"/applications/{served.yarn.submit()}", "a")
    assert 'hx-sse:close="end"' in page.text


async def test_an_application_that_the_cluster_forgets_is_told(
    served: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(one_application, "_LOOK", 0.001)
    number = served.yarn.submit()
    await served.seen()
    _, forgotten, end = await streamed(
        served,
        f"/applications/{number}/changes",
        3,
        [lambda: served.yarn.applications.pop(number)],
    )
    assert f"{number}" in forgotten
    assert "This is not up to date." in forgotten
    assert end.startswith("event: end")


async def test_an_application_that_could_not_be_requested_is_requested_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("_LOOK", "_AGAIN"):
        monkeypatch.setattr(one_application, name, 0.0)
    yarn = FakeResourceManager()
    yarn.submit()
    async with platform(tmp_path, AccessList(), yarn=yarn, interval=1000) as served:
        await served.seen()
        number = yarn.submit()  # the watch does not look again
        busy = contextlib.ExitStack()

        def occupy() -> None:
            for _ in range(2):
                busy.enter_context(served.service.calls.take("alice"))

        known, unknown, again = await streamed(
            served, f"/applications/{number}/changes", 3, [occupy, busy.close]
        )
    assert "It waits for a container" in known
    assert "This is not up to date." in unknown
    assert again == known


async def test_a_stream_begins_with_what_the_page_may_have_missed(served: Platform) -> None:
    (whole,) = await streamed(served, "/applications/changes", 1, [])
    assert "No application matches." in whole or "are being listed" in whole


async def test_the_first_look_at_an_empty_cluster_is_told(tmp_path: Path) -> None:
    yarn = FakeResourceManager(errors=[ConnectError("No ResourceManager responds")] * 10_000)
    async with platform(tmp_path, AccessList(), yarn=yarn) as served:
        before, after = await streamed(served, "/applications/changes", 2, [yarn.errors.clear])
    assert "are being listed" in before
    assert "No application matches." in after


async def test_a_stream_ends_when_the_login_is_revoked(served: Platform) -> None:
    def revoke() -> None:
        del served.hub.users["a"]
        served.yarn.submit()

    served.yarn.submit()
    await served.seen()
    (whole,) = await streamed(served, "/applications/changes", 2, [revoke])
    assert 'hx-target="#list"' in whole


async def test_streams_of_a_user_are_limited(served: Platform) -> None:
    browser = served.browser()
    await served.visit("/applications", "a", browser)
    with served.service.streams.take("alice"), served.service.streams.take("alice"):
        answer = await browser.get("/hub/applications/changes")
    assert answer.status_code == 429
