"""Platforms with logs, and with everything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from hadoop.http_server import server
from server.platform.logged import Application, ended_application
from server.platform.populated import Populated, populated_in_thread
from server.platform.serving import Platform, platform
from yarnhub.client.logs import followed, upload
from yarnhub.server.platform.pages import application_list
from yarnhub.watch.visibility import NO_ONE, AccessList

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path


@pytest.fixture
async def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Platform]:
    monkeypatch.setattr(application_list, "_SPREAD", 0.0)
    async with platform(tmp_path, AccessList(frozenset({"carol"}))) as served:
        served.hub.users |= {"c": "carol", "r": "root"}
        yield served


@pytest.fixture
async def logged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Platform]:
    for module, name in ((followed, "_LOOK"), (followed, "_ASK"), (upload, "_LOOK")):
        monkeypatch.setattr(module, name, 0.002)
    async with platform(tmp_path, NO_ONE) as logged, server(logged.nodes) as url:
        logged.node = url.partition("//")[2]
        yield logged


@pytest.fixture
def running(logged: Platform) -> Application:
    return Application(logged)


@pytest.fixture
def ended(logged: Platform) -> Any:
    """An ended application of alice's with logs in files: its path, and one of its containers."""
    number = ended_application(logged)
    return f"/applications/{number}/logs", f"{number}_02_000001".replace("application", "container")


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Populated]:
    with populated_in_thread(tmp_path_factory.mktemp("platform")) as found:
        yield found
