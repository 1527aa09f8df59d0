"""Users of the platform: their requests to it, and YARN as they use it without the hub."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from yarnhub.client.access.settings import Settings
from yarnhub.client.client import Client
from yarnhub.yarn.records.applications import YarnApplicationState
from yarnhub.yarn.records.resource_manager import GetApplicationsRequest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from hub.hub import Hub
    from yarnhub.cluster import HadoopCluster

SECONDS = 60


@contextlib.asynccontextmanager
async def client_of(cluster: HadoopCluster, user: str, folder: Path) -> AsyncIterator[Client]:
    """YARN, as a user of the cluster uses it without the hub."""
    variables = {**cluster.env, "SKEIN_CONFIG": str(folder / "skein")}
    with pytest.MonkeyPatch.context() as patch:
        if cluster.options.kerberos:
            patch.setenv("KRB5_CONFIG", cluster.env["KRB5_CONFIG"])
            await cluster.kinit(user, folder / "ticket")
            variables["KRB5CCNAME"] = str(folder / "ticket")
        else:
            variables["HADOOP_USER_NAME"] = user
        async with Client(Settings.from_environment(variables)) as client:
            yield client


async def kill_all(client: Client) -> None:
    """Kill all that a user runs: a test that fails leaves its applications to the next one."""
    found = await client.resource_manager.get_applications(
        GetApplicationsRequest(
            users=(client.user_name,),
            application_states=tuple(each for each in YarnApplicationState if not each.ended),
        )
    )
    for each in found:
        await client.request_kill(each.application_id)


async def users_api(hub: Hub, user: str) -> httpx.AsyncClient:
    """The platform, with a token of the user's."""
    return httpx.AsyncClient(
        base_url=f"{hub.url}/services/platform/api/v1",
        headers={"Authorization": f"Bearer {await hub.token_of(user)}"},
        timeout=SECONDS,
        trust_env=False,
    )


@contextlib.asynccontextmanager
async def logged_in(url: str, user: str, password: str) -> AsyncIterator[httpx.AsyncClient]:
    """The browser of a user who has logged in at a hub; it goes where it is sent."""
    async with httpx.AsyncClient(
        base_url=url, follow_redirects=True, timeout=SECONDS, trust_env=False
    ) as browser:
        await browser.get("/hub/login")
        form = {"username": user, "password": password, "_xsrf": browser.cookies["_xsrf"]}
        home = {"next": "/hub/home"}  # instead of the start of a server
        (await browser.post("/hub/login", params=home, data=form)).raise_for_status()
        yield browser


async def running(api: httpx.AsyncClient, number: str) -> dict[str, Any]:
    """An application in the list, as soon as it runs."""
    async with asyncio.timeout(SECONDS):
        while True:
            page = (await api.get("/applications", params={"text": number})).json()
            for found in page["applications"]:
                if found["state"] == "RUNNING":
                    assert isinstance(found, dict)
                    return found
            await asyncio.sleep(0.1)
