"""Tokens brought to an application of alice's on a real cluster, by a service that acts for her."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest

from yarnhub.base.errors import (
    AccessDeniedError,
    AuthenticationError,
    ConfigurationError,
    RemoteError,
    YarnhubError,
)
from yarnhub.base.units import MiB, VCores
from yarnhub.client import token_delivery
from yarnhub.client.access.credentials import Credentials
from yarnhub.client.application.container import CurrentContainer
from yarnhub.client.client import Client
from yarnhub.client.token_delivery import keep_all_tokens
from yarnhub.client.tokens.submission import SubmissionTokens
from yarnhub.control import json
from yarnhub.control.bootstrap import CERTIFICATE, KEY, RESOURCE_MANAGERS, TRUST
from yarnhub.filesystem.delegation import NameNodeTokens
from yarnhub.hadoop.wire import tokens
from yarnhub.hadoop.wire.identifiers import HDFS, read_identifier
from yarnhub.spec import ACLs, ApplicationSpec, Master, Resources, Service
from yarnhub.yarn.addresses import CLIENT, resource_manager

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from yarnhub.client.access.settings import Settings
    from yarnhub.cluster import HadoopCluster
    from yarnhub.yarn.records.ids import ApplicationId

pytestmark = pytest.mark.cluster

RESOURCES = Resources(memory=MiB(128), vcores=VCores(1))
SPEC = ApplicationSpec(
    user="alice",
    services={"s": Service(resources=RESOURCES, script="sleep 1000")},
    acls=ACLs(enable=True, view_users=["jupyterhub"], modify_users=["jupyterhub"]),
    master=Master(resources=RESOURCES),
    max_attempts=2,
)


@pytest.fixture
def pair() -> Credentials:
    return Credentials.generate()


@pytest.fixture
async def application(hub_settings: Settings, pair: Credentials) -> AsyncIterator[ApplicationId]:
    async with Client(hub_settings.acting_for("alice"), pair) as client:
        number = await client.submit(SPEC)
        try:
            async with await client.connect(number):
                yield number
        finally:
            with contextlib.suppress(YarnhubError):
                await client.kill(number)


async def container(
    hub_settings: Settings, pair: Credentials, number: ApplicationId, folder: Path
) -> CurrentContainer:
    """As one of the application's containers would find itself."""
    alice = hub_settings.acting_for("alice")
    async with Client(alice, pair) as client, await client.connect(number) as reached:
        address = reached.address
        managers = ",".join(
            map(str, resource_manager(hub_settings.configuration, CLIENT).addresses)
        )
    own = pair.for_application(str(number))
    secrets = {
        CERTIFICATE: own.certificate,
        KEY: own.key,
        RESOURCE_MANAGERS: managers.encode(),
        TRUST: json.dump(alice.trust()),
    }
    path = folder / "container_tokens"
    async with SubmissionTokens(alice) as fetched:
        await fetched.fetch()
    path.write_bytes(tokens.TokenStorage(fetched.by_alias, secrets).write())
    found = CurrentContainer.from_environment(
        {
            "SKEIN_APPLICATION_ID": str(number),
            "SKEIN_APPMASTER_ADDRESS": address,
            "SKEIN_CONTAINER_ID": "s_0",
            "HADOOP_TOKEN_FILE_LOCATION": str(path),
        }
    )
    assert found is not None
    return found


def hdfs_token(inside: CurrentContainer) -> tokens.Token:
    found = tokens.TokenStorage.read(inside.token_file.read_bytes()).find(HDFS)
    assert found is not None
    return found


async def test_an_application_has_fresh_tokens_until_it_ends(
    hub_settings: Settings,
    pair: Credentials,
    application: ApplicationId,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(token_delivery, "_POLL_INTERVAL", 0.2)
    inside = await container(hub_settings, pair, application, tmp_path)
    assert await inside.refresh_tokens() == ()
    old = hdfs_token(inside)
    async with asyncio.timeout(90), asyncio.TaskGroup() as group:
        keeping = group.create_task(keep_all_tokens(hub_settings, [application], pair))
        while not await inside.refresh_tokens():
            await asyncio.sleep(0.05)
        new = hdfs_token(inside)
        assert new != old
        assert read_identifier(new).owner == "alice"
        assert read_identifier(new).renewer == "jupyterhub"
        async with await inside.file_system("", hub_settings.configuration) as files:
            written = await files.write("/user/alice/token-delivery", b"x")
            assert written.owner == "alice"
            await files.delete("/user/alice/token-delivery")

        assert await inside.locate() == inside.address
        async with Client(hub_settings.acting_for("alice"), pair) as client:
            report = await client.application_report(application)
            assert report.current_application_attempt_id is not None
            manager = client.resource_manager
            await manager.fail_application_attempt(report.current_application_attempt_id)
        # The next ApplicationMaster has another address, and only the submission's tokens.
        while await inside.locate() in (None, inside.address):
            await asyncio.sleep(0.05)
        while not await inside.refresh_tokens():
            await asyncio.sleep(0.05)
        assert not keeping.done()

        async with Client(hub_settings.acting_for("alice"), pair) as client:
            await client.kill(application)
        await keeping
    with pytest.raises((AuthenticationError, RemoteError), match="unknown token"):
        await NameNodeTokens("", hub_settings.configuration).renew(hub_settings.user, new)
    with pytest.raises(AuthenticationError):
        await inside.locate()


async def test_who_has_other_credentials_is_told(
    hub_settings: Settings, application: ApplicationId
) -> None:
    with pytest.raises(AccessDeniedError, match="certificate that it was submitted with"):
        await keep_all_tokens(hub_settings, [application], Credentials.generate())


async def test_without_security_there_is_nothing_to_keep(
    hadoop_cluster: HadoopCluster, tmp_path: Path
) -> None:
    from yarnhub.client.access.settings import Settings

    simple = Settings.from_environment({**hadoop_cluster.env, "SKEIN_CONFIG": str(tmp_path)})
    with pytest.raises(ConfigurationError, match="security is disabled"):
        await keep_all_tokens(simple, [])
