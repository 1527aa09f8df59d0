"""The service's configuration, and the description of its API."""

from __future__ import annotations

import asyncio
import contextlib
import re
from typing import TYPE_CHECKING

import httpx
import pytest
from traitlets.config import Config

from docs.blocks import PROJECT, example_of
from server.platform.serving import platform
from unmanaged.damage import offline
from watch.fake_resource_manager import FakeResourceManager
from yarnhub.base.errors import ConfigurationError
from yarnhub.client.access.settings import Settings
from yarnhub.database.location import Location
from yarnhub.server.configuration import configured, read_config
from yarnhub.server.hub.environment import read_hub_environment
from yarnhub.server.hub.login import HubLogin
from yarnhub.server.listening import bind
from yarnhub.server.platform.app import open_service, run, running, serving
from yarnhub.server.platform.traits import Platform
from yarnhub.sessions.users import DeniedUserError
from yarnhub.watch.application_watch import ApplicationWatch
from yarnhub.watch.visibility import NO_ONE

if TYPE_CHECKING:
    from pathlib import Path

    from yarnhub.yarn.records.applications import ApplicationReport

PAGE = PROJECT / "docs" / "howto" / "platform.md"
HUB = {
    "JUPYTERHUB_API_URL": "http://127.0.0.1:8081/hub/api",
    "JUPYTERHUB_API_TOKEN": "secret",
    "JUPYTERHUB_SERVICE_NAME": "platform",
}


@pytest.mark.parametrize(
    ("variables", "settings", "words"),
    [
        ({}, {}, "Nobody could authenticate"),
        (HUB, {"principal": "jupyterhub"}, r"Platform\.principal and Platform\.keytab"),
        (HUB, {"principal": "hub", "keytab": "/nowhere"}, r"Platform\.keytab: .*/nowhere"),
        (HUB, {"port": -1}, "configuration is not valid"),
        ({**HUB, "JUPYTERHUB_SERVICE_URL": "http://127.0.0.1:99999"}, {}, "SERVICE_URL is not"),
        (HUB, {"ip": "0.0.0.0"}, "tokens could be read on the network"),  # refused
        (HUB, {"port": 0, "database": "mysql://u:p@h/x"}, r"Platform\.database: only SQLite"),
        (HUB, {"port": 0, "database": "sqlite:////no/x"}, r"Platform\.database: /no/x cannot"),
        (HUB, {"port": 0, "build_site": "/no/x.yaml"}, r"Platform\.build_site: /no/x\.yaml cannot"),
        (HUB, {"usage_days": 0}, "configuration is not valid"),
        (HUB, {"port": 0, "metrics_token_file": "/no"}, r"Platform\.metrics_token_file: .*/no"),
        (HUB, {"port": 0, "spnego_keytab": "/no"}, r"Platform\.spnego_keytab: .*/no"),
    ],
)
async def test_what_cannot_work_is_refused_in_words(
    variables: dict[str, str],
    settings: dict[str, object],
    words: str,
    tmp_path: Path,
) -> None:
    for name in ("core-site.xml", "yarn-site.xml"):
        (tmp_path / name).write_text("<configuration/>")
    config = Config(Platform=settings)
    with pytest.raises(ConfigurationError, match=words):
        await run(config, {**variables, "HADOOP_CONF_DIR": str(tmp_path)})


def test_an_unknown_setting_is_named(tmp_path: Path) -> None:
    path = tmp_path / "platform_config.py"
    path.write_text("c.Platform.administrator = {'carol'}\n")
    with pytest.raises(ConfigurationError, match="'administrator'; did you mean administrators"):
        read_config(path, Platform)


def test_every_setting_has_its_row() -> None:
    rows = re.findall(r"^\| (`c\.Platform\..*?`) \|", PAGE.read_text("utf-8"), re.MULTILINE)
    described = {name for row in rows for name in re.findall(r"`(?:c\.Platform\.)?(\w+)`", row)}
    assert described == set(Platform.class_trait_names(config=True))


def test_the_page_s_url_of_postgresql_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "platform_config.py"
    path.write_text(example_of(PAGE, 'c.Platform.database = "postgresql', {}))
    traits = configured(Platform, read_config(path, Platform))
    location = Location.parse(traits.database)
    assert str(location) == "the PostgreSQL database 'platform' on database.example.com"


async def test_builds_need_a_valid_site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = read_hub_environment(HUB)
    assert environment is not None
    settings, yarn = offline(tmp_path), FakeResourceManager()
    monkeypatch.chdir(tmp_path)  # for the database
    file = tmp_path / "site.yaml"
    file.write_text("find_links: [/wheels]")
    for site, can_build in (("", False), (str(file), True)):
        with_site = Platform(build_site=site)
        async with open_service(with_site, settings, environment, yarn) as service:
            assert service.environments.can_build is can_build
    file.write_text("find_link: [/wheels]")
    with pytest.raises(ConfigurationError, match=r"build_site: site\.yaml: .*find_links"):
        async with open_service(Platform(build_site=str(file)), settings, environment, yarn):
            pass


def test_a_misspelt_section_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "platform.toml"
    path.write_text("[platform]\nport = 1\n")
    with pytest.raises(ConfigurationError, match="write Platform instead of platform"):
        read_config(path, Platform)


@pytest.mark.parametrize("secure", [True, False])
async def test_the_service_s_own_account_is_refused_with_kerberos(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, secure: bool
) -> None:
    async def user(_: HubLogin, token: str) -> str:
        return token

    monkeypatch.setattr(HubLogin, "user", user)
    monkeypatch.setattr(Settings, "secure", secure)
    environment = read_hub_environment(HUB)
    assert environment is not None
    settings, yarn = offline(tmp_path), FakeResourceManager()
    monkeypatch.chdir(tmp_path)  # for the database
    async with open_service(Platform(), settings, environment, yarn) as service:
        with pytest.raises(DeniedUserError) if secure else contextlib.nullcontext():
            await service.viewers.of(f"Bearer {settings.user_name.upper()}")
        assert await service.viewers.of("Bearer bob") is not None


async def test_a_watch_that_fails_ends_the_service() -> None:
    class Broken(FakeResourceManager):
        async def get_applications(self, request: object) -> tuple[ApplicationReport, ...]:
            raise RuntimeError("a fault")

    with pytest.raises(RuntimeError, match="a fault"):
        async with running(ApplicationWatch(Broken(), lambda: 0.0).run):
            await asyncio.Event().wait()


async def test_the_end_of_the_service_ends_streams_at_once(tmp_path: Path) -> None:
    (listening,) = bind("127.0.0.1", 0, is_private=False)
    url = f"http://127.0.0.1:{listening.getsockname()[1]}/hub/api/v1/applications/events"
    async with platform(tmp_path, NO_ONE) as served, httpx.AsyncClient(trust_env=False) as http:
        watch = ApplicationWatch(served.yarn, lambda: served.yarn.now / 1000)
        served.service.watch = watch
        async with asyncio.timeout(20):
            async with serving(served.app, [listening], None), running(watch.run):
                request = http.build_request("GET", url, headers={"Authorization": "token a"})
                stream = await http.send(request, stream=True)
                assert stream.status_code == 200
            assert [line async for line in stream.aiter_lines() if line.startswith("data")] == []
