"""The API with Kerberos tickets instead of tokens: real ones, of a KDC without a cluster."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from e2e.tickets import Tickets
from integrations.dask_gateway.realms import OTHER, Realm, other_realm
from server.platform.answers import events, problem, until
from server.platform.logged import listening
from server.platform.serving import platform
from unmanaged.damage import offline
from watch.fake_resource_manager import FakeResourceManager
from yarnhub.base.errors import ConfigurationError
from yarnhub.hadoop.security.acceptor import TicketAcceptor
from yarnhub.hadoop.security.auth_to_local import RULES
from yarnhub.server.hub.environment import read_hub_environment
from yarnhub.server.platform.app import open_service
from yarnhub.server.platform.negotiation import Negotiation
from yarnhub.server.platform.traits import Platform as Settings
from yarnhub.watch.visibility import AccessList

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import httpx

    from server.platform.serving import Platform
    from yarnhub.yarn.records.ids import ApplicationId

RULE = rf"RULE:[1:$1@$0](asmith@{OTHER})s/.*/alice/ RULE:[1:$1@$0](mallory@.*)s/.*/a,b/ RULE:[1:$1]"
BROWSERS = [
    {"Accept-Language": "en"},
    {"Cookie": "a=b"},
    {"Origin": "http://platform"},
    {"Referer": "http://platform/user/mallory/"},
    {"Sec-Fetch-Site": "none"},
]


@dataclass
class Ticketed:
    """A platform whose users have tickets."""

    served: Platform
    realm: Realm
    folder: Path

    def keytab(self, user: str) -> Path:
        """The keytab of a user, who is created with it."""
        path = self.folder / f"{user.replace('/', '-')}.keytab"
        if not path.exists():
            self.realm.add(user, path)
        return path

    def header(self, user: str) -> str:
        """What proves in one request who a user is."""
        return Tickets(user, self.keytab(user)).header()

    async def request(self, method: str, user: str, path: str, **headers: str) -> httpx.Response:
        headers["Authorization"] = self.header(user)
        return await self.served.request(method, "", path, headers=headers)

    async def get(self, user: str, path: str = "/limits") -> httpx.Response:
        return await self.request("GET", user, path)


@pytest.fixture
async def realm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Realm]:
    async with other_realm(tmp_path / "realm") as realm:
        monkeypatch.setenv("KRB5_CONFIG", realm.env["KRB5_CONFIG"])
        realm.add("HTTP/localhost", tmp_path / "http.keytab")
        yield realm


@pytest.fixture
async def ticketed(realm: Realm, tmp_path: Path) -> AsyncIterator[Ticketed]:
    administrators = AccessList(frozenset({"carol"}), frozenset({"admins"}))
    async with platform(tmp_path, administrators) as served:
        acceptor = TicketAcceptor(tmp_path / "http.keytab", host="localhost")
        viewers = served.service.viewers
        rules = {RULES: RULE, "hadoop.security.authentication": "kerberos"}
        served.service.negotiation = Negotiation(acceptor, rules, viewers)
        await served.service.recorder.open()
        yield Ticketed(served, realm, tmp_path)


def application_of_alice(ticketed: Ticketed) -> ApplicationId:
    number = ticketed.served.yarn.submit()
    ticketed.served.yarn.run(number)
    return number


async def curl(ticketed: Ticketed, user: str, *options: str) -> Any:
    """What curl prints with a user's ticket."""
    cache = ticketed.folder / "ticket"
    ticketed.realm.kinit(user, ticketed.keytab(user), cache)
    process = await asyncio.create_subprocess_exec(
        *("curl", "--silent", "--noproxy", "*", "--negotiate", "-u", ":", *options),
        env={**ticketed.realm.env, "KRB5CCNAME": f"FILE:{cache}"},
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    return out.decode()


async def test_curl_needs_no_token(ticketed: Ticketed) -> None:
    number = application_of_alice(ticketed)
    async with listening(ticketed.served) as http:
        url = str(http.base_url).replace("127.0.0.1", "localhost")
        found = json.loads(await curl(ticketed, "alice", f"{url}applications/{number}"))
        assert found["application"]["user"] == "alice"
        kill = f"{url}applications/{number}/kill"
        options = ("-X", "POST", "-o", "/dev/null", "-w", "%{http_code}")
        assert await curl(ticketed, "bob", *options, kill) == "403"
        assert await curl(ticketed, "alice", *options, kill) == "204"
    killed = [each for each in ticketed.served.recorded() if each["event"] == "kill"]
    assert [each["actor"] for each in killed] == ["alice"]


async def test_who_has_none_is_asked_for_a_token_or_a_ticket(ticketed: Ticketed) -> None:
    for header in ("", "Negotiate", "Negotiate YQ==", "Negotiate $", "Basic YWxpY2U6", "token x"):
        headers = {"Authorization": header} if header else {}
        refused = await ticketed.served.request("GET", "", "/limits", headers=headers)
        assert refused.status_code == 401, header
        assert refused.headers.get_list("WWW-Authenticate") == ["Bearer", "Negotiate"]
        assert "ticket" in problem(refused)["detail"]
    assert (await ticketed.served.get("a", "/limits")).status_code == 200, "tokens still work"


async def test_the_service_proves_itself_with_errors_too(ticketed: Ticketed) -> None:
    for path, status in (("/limits", 200), ("/applications/application_1_0001", 404)):
        answer = await ticketed.get("alice", path)
        assert answer.status_code == status
        assert answer.headers["WWW-Authenticate"].startswith("Negotiate ")


async def test_a_recorded_request_is_of_no_use(ticketed: Ticketed) -> None:
    headers = {"Authorization": ticketed.header("alice")}
    for status in (200, 401):
        answer = await ticketed.served.request("GET", "", "/limits", headers=headers)
        assert answer.status_code == status


@pytest.mark.parametrize("headers", BROWSERS, ids=lambda each: next(iter(each)))
async def test_browsers_do_not_act_with_tickets(
    ticketed: Ticketed, headers: dict[str, str]
) -> None:
    """They send one for a page of anybody, such as another user's notebook server."""
    number = application_of_alice(ticketed)
    refused = await ticketed.request("POST", "alice", f"/applications/{number}/kill", **headers)
    assert refused.status_code == 401
    assert refused.headers.get_list("WWW-Authenticate") == ["Bearer"], "and are not asked for one"
    assert ticketed.served.recorded() == []


async def test_pages_and_metrics_take_no_tickets(ticketed: Ticketed) -> None:
    ticketed.served.service.metrics_token = "m"
    for path, status in (("/hub/applications", 302), ("/hub/metrics", 403)):
        headers = {"Authorization": ticketed.header("alice")}
        answer = await ticketed.served.http.get(path, headers=headers)
        assert answer.status_code == status
        assert "WWW-Authenticate" not in answer.headers


async def test_names_are_the_clusters_and_of_users_of_the_hub(ticketed: Ticketed) -> None:
    number = application_of_alice(ticketed)
    killed = await ticketed.request("POST", "asmith", f"/applications/{number}/kill")
    assert killed.status_code == 204, "auth_to_local: asmith is alice"
    ticketed.served.hub.unknown = frozenset({"zoe"})
    for user, words in (
        ("zoe", "zoe is not a user of JupyterHub"),
        ("root", "denied"),
        ("mallory", "cannot be a user"),
        ("nobody/example", "has no name on the cluster"),
    ):
        refused = await ticketed.get(user)
        assert refused.status_code == 403, user
        assert words in problem(refused)["detail"]


async def test_a_ticket_is_never_of_somebody_with_another_name_at_the_hub(
    ticketed: Ticketed,
) -> None:
    """Who is alice on the cluster must not become whom the hub calls alice."""
    viewers: Any = ticketed.served.service.viewers
    viewers._cluster_users._look_up = lambda _: asyncio.sleep(0, "bob")
    refused = await ticketed.get("alice")
    assert refused.status_code == 403
    assert "another name" in problem(refused)["detail"]


async def test_a_service_that_cannot_look_users_up_lets_nobody_in(ticketed: Ticketed) -> None:
    ticketed.served.hub.shows_users = False
    assert (await ticketed.get("alice")).status_code == 503
    ticketed.served.hub.shows_users, ticketed.served.hub.broken = True, True
    assert (await ticketed.get("alice")).status_code == 503


@pytest.mark.parametrize("user", ["carol", "dave"])
async def test_administrators_are_the_same(ticketed: Ticketed, user: str) -> None:
    ticketed.served.hub.groups = {"dave": ["admins"]}
    assert (await ticketed.get(user, "/limits/entries")).status_code == 200
    assert (await ticketed.get("alice", "/limits/entries")).status_code == 403


async def test_a_stream_outlives_its_ticket_but_not_its_user(ticketed: Ticketed) -> None:
    served = ticketed.served
    first = served.yarn.submit()
    await served.seen()
    async with asyncio.TaskGroup() as group:
        stream = group.create_task(ticketed.get("alice", "/applications/events"))
        await until(lambda: served.service.streams.taken)
        asked = len(served.hub.requests)
        served.yarn.run(first)
        await until(lambda: len(served.hub.requests) > asked)
        served.hub.unknown = frozenset({"alice"})
        served.yarn.end(first)
        answer = await stream
    assert [each["changed"] for each in events(answer)] == [[str(first)]]


async def test_notebook_servers_need_a_token(ticketed: Ticketed) -> None:
    refused = await ticketed.get("alice", "/servers")
    assert refused.status_code == 403
    assert "token" in problem(refused)["detail"]


async def test_the_setting_is_the_keytab_of_the_host(
    realm: Realm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = read_hub_environment(
        {
            "JUPYTERHUB_API_URL": "http://127.0.0.1:8081/hub/api",
            "JUPYTERHUB_API_TOKEN": "secret",
            "JUPYTERHUB_SERVICE_NAME": "platform",
        }
    )
    assert hub is not None
    monkeypatch.chdir(tmp_path)  # for the database
    cluster, yarn = offline(tmp_path), FakeResourceManager()
    keytab = str(tmp_path / "http.keytab")
    settings = Settings(spnego_keytab=keytab, spnego_host="localhost")
    async with open_service(settings, cluster, hub, yarn) as service:
        assert service.negotiation is not None
    for wrong in (
        Settings(spnego_keytab=keytab, spnego_host="elsewhere.example.com"),
        Settings(spnego_keytab=str(tmp_path / "none")),
    ):
        with pytest.raises(ConfigurationError, match=r"Platform\.spnego_keytab: "):
            async with open_service(wrong, cluster, hub, yarn):
                pass
