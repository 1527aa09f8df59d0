"""The platform's logs of a real hub, on both kinds of cluster: while they grow, and later."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from hub.platform_service import HubWithPlatform
from hub.platform_users import SECONDS, client_of, kill_all, running, users_api
from yarnhub.base.units import MiB, VCores
from yarnhub.spec import ACLs, ApplicationSpec, Resources, Service
from yarnhub.yarn.records.ids import ApplicationId

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import httpx

    from yarnhub.client.client import Client
    from yarnhub.cluster import HadoopCluster

pytestmark = [pytest.mark.cluster, pytest.mark.asyncio(loop_scope="module")]

SCRIPT = """\
n=0
while true; do
    n=$((n + 1)); echo "line $n, ä"
    sleep 0.2
done
"""
SERVICE_ACCOUNT = "jupyterhub"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hub(
    cluster: HadoopCluster, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[HubWithPlatform]:
    async with HubWithPlatform(tmp_path_factory.mktemp("hub"), cluster) as hub:
        yield hub


@pytest_asyncio.fixture(loop_scope="module")
async def alice(cluster: HadoopCluster, tmp_path: Path) -> AsyncIterator[Client]:
    async with client_of(cluster, "alice", tmp_path) as client:
        yield client
        await kill_all(client)


def talking(*viewers: str) -> ApplicationSpec:
    """An application that writes lines for as long as it runs."""
    small = Resources(memory=MiB(64), vcores=VCores(1))
    return ApplicationSpec(
        name="talk",
        services={"talker": Service(resources=small, script=SCRIPT)},
        acls=ACLs(enable=bool(viewers), view_users=viewers),
    )


@dataclass
class Event:
    """A server-sent event."""

    name: str = ""
    id: int = 0
    data: Any = None


async def events_of(lines: AsyncIterator[str]) -> AsyncIterator[Event]:
    event = Event()
    async for line in lines:
        key, _, value = line.partition(": ")
        match key:
            case "event":
                event.name = value
            case "id":
                event.id = int(value)
            case "data":
                event.data = json.loads(value)
            case "" if event.name:
                yield event
                event = Event()
            case _:
                pass


async def log_of(api: httpx.AsyncClient, number: str, name: str = "talker.log") -> dict[str, Any]:
    """A log in the list, as soon as it has content."""
    async with asyncio.timeout(SECONDS):
        while True:
            answer = await api.get(f"/applications/{number}/logs")
            if answer.status_code == 200:
                for file in answer.json()["files"]:
                    if file["name"] == name and file["size"]:
                        assert isinstance(file, dict)
                        return file
            else:
                assert answer.status_code == 409, answer.text  # it has not begun
            await asyncio.sleep(0.1)


async def refused(api: httpx.AsyncClient, path: str, *log: str) -> list[str]:
    """Why each request for logs is refused."""
    found = []
    for each in (path, *(f"{path}/{'/'.join(log)}{end}" for end in ("", "/events", "?download=1"))):
        answer = await api.get(each)
        assert answer.status_code == 403, answer.text
        found.append(answer.json()["detail"])
    return found


async def test_a_log_is_followed_while_it_is_written_and_read_afterwards(
    hub: HubWithPlatform, cluster: HadoopCluster, alice: Client
) -> None:
    number = str(await alice.submit(talking(SERVICE_ACCOUNT)))
    path = f"/applications/{number}/logs"
    async with await users_api(hub, "alice") as hers, await users_api(hub, "bob") as his:
        await running(hers, number)
        file = await log_of(hers, number)
        assert (file["instance"], file["grows"]) == ("talker_0", True)
        log = f"{path}/{file['container']}/talker.log"
        tail = await hers.get(log)
        assert (tail.status_code, tail.headers["Log-Offset"]) == (200, "0")
        assert tail.text.startswith("line 1, ä\n")
        part = await hers.get(log, headers={"Range": "bytes=5-5"})
        assert (part.status_code, part.text) == (206, "1")
        assert part.headers["Content-Range"].startswith("bytes 5-5/")
        if cluster.options.kerberos:  # without access control lists, YARN shows it to everybody
            assert (
                "alice, who does not allow bob"
                in (await refused(his, path, file["container"], "talker.log"))[0]
            )

        followed, behind = await until_killed(hers, number, log)

        assert followed.startswith("line 1, ä\nline 2, ä\n")
        file = await log_of(hers, number)
        assert (file["instance"], file["grows"]) == ("talker_0", False)
        assert file["size"] == behind
        whole = await hers.get(log, params={"download": True})
        assert (whole.text, len(whole.content)) == (followed, behind), "each byte once"
        assert whole.headers["Content-Disposition"].endswith('-talker.log"')
        assert (await hers.get(log)).content == whole.content[-65536:]
        part = await hers.get(log, headers={"Range": "bytes=-7"})
        assert (part.status_code, part.content) == (206, whole.content[-7:])
        assert (await hers.get(log, headers={"Range": f"bytes={behind}-"})).status_code == 416
        assert len(await refused(his, path, file["container"], "talker.log")) == 4


async def until_killed(api: httpx.AsyncClient, number: str, log: str) -> tuple[str, int]:
    """Follow a log, and kill its application on the way; returns the text, and its bytes."""
    text, behind = "", 0
    async with asyncio.timeout(2 * SECONDS):
        async with api.stream("GET", f"{log}/events", params={"since": 0}) as stream:
            assert stream.status_code == 200
            async for event in events_of(stream.aiter_lines()):
                text, behind = text + event.data["text"], event.id
                if text.count("\n") >= 10:
                    break
        # The stream is opened again, as a browser does.
        again = {"Last-Event-ID": str(behind)}
        async with api.stream("GET", f"{log}/events", headers=again) as stream:
            killed = False
            async for event in events_of(stream.aiter_lines()):
                if event.name == "end":
                    return text, event.id
                assert event.data["offset"] == behind
                text, behind = text + event.data["text"], event.id
                if not killed:
                    answer = await api.post(f"/applications/{number}/kill")
                    killed = answer.status_code in (202, 204)
                    assert killed, answer.text
    pytest.fail("the stream has ended before the log")


async def test_live_logs_need_an_application_that_allows_the_service_to_view_it(
    hub: HubWithPlatform, cluster: HadoopCluster, alice: Client
) -> None:
    number = str(await alice.submit(talking()))
    path = f"/applications/{number}/logs"
    async with await users_api(hub, "alice") as api:
        await running(api, number)
        if cluster.options.kerberos:
            answer = await api.get(path)
            assert answer.status_code == 403
            said = answer.json()["detail"]
            assert f"User [{SERVICE_ACCOUNT}] is not authorized" in said
            assert "has to allow the service's account to view it" in said
        else:
            await log_of(api, number)
        answer = await api.post(f"/applications/{number}/kill")
        assert answer.status_code in (202, 204)
        await alice.wait(ApplicationId.parse(number), deadline=SECONDS)
        file = await log_of(api, number, "application.master.log")
        assert (file["instance"], file["grows"]) == ("master", False)
        answer = await api.get(f"{path}/{file['container']}/application.master.log")
        assert (answer.status_code, len(answer.content)) == (200, file["size"])
