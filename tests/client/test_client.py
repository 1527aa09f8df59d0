"""The client on a real cluster: with credentials of its own, and acting for others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from client.submissions import sleeper
from yarnhub.base.errors import AccessDeniedError
from yarnhub.client.access.credentials import Credentials
from yarnhub.client.access.settings import Settings
from yarnhub.client.client import Client
from yarnhub.client.errors import ApplicationFailedError

if TYPE_CHECKING:
    from pathlib import Path

    from yarnhub.cluster import HadoopCluster

pytestmark = pytest.mark.cluster


@pytest.fixture
def settings(hadoop_cluster: HadoopCluster, tmp_path: Path) -> Settings:
    return Settings.from_environment({**hadoop_cluster.env, "SKEIN_CONFIG": str(tmp_path)})


async def test_an_application_answers_to_the_credentials_it_was_submitted_with(
    settings: Settings,
) -> None:
    own = Credentials.generate()
    async with Client(settings, own) as client, Client(settings) as stranger:
        application = await client.submit(sleeper())
        try:
            async with await client.connect(application) as reached:
                assert [each.id for each in await reached.get_containers()] == ["s_0"]
            async with await stranger.connect(application) as refused:
                with pytest.raises(AccessDeniedError, match="a different one"):
                    await refused.get_containers()
        finally:
            await client.kill(application)


async def test_an_application_of_another_user_answers_to_the_same_credentials(
    settings: Settings,
) -> None:
    async with Client(settings, Credentials.generate()) as client:
        application = await client.submit(sleeper(user="alice"))
        try:
            assert (await client.application_report(application)).user == "alice"
            async with await client.connect(application) as reached:
                await reached.keys.put("key", b"value")
        finally:
            async with client.acting_for("alice") as alice:
                await alice.kill(application)


async def test_an_application_that_ended_is_not_reached(settings: Settings) -> None:
    async with Client(settings) as client:
        application = await client.submit(sleeper())
        await client.kill(application)
        with pytest.raises(ApplicationFailedError, match="KILLED"):
            await client.connect(application)
