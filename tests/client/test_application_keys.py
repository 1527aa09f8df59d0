"""Each application has a key of its own, on real clusters: that of one opens no other."""

from __future__ import annotations

import asyncio
import contextlib
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from e2e.walk import log_in
from yarnhub.base.errors import AccessDeniedError, YarnhubError
from yarnhub.base.units import MiB, VCores
from yarnhub.client.access.credentials import Credentials
from yarnhub.client.access.settings import Settings
from yarnhub.client.application.client import ApplicationClient
from yarnhub.client.client import Client
from yarnhub.control import bootstrap
from yarnhub.hadoop.wire import tokens
from yarnhub.spec import ApplicationSpec, Resources, Service
from yarnhub.unmanaged import UnmanagedApplications
from yarnhub.yarn.records.ids import ApplicationId

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from yarnhub.cluster import HadoopCluster

pytestmark = pytest.mark.cluster

RESOURCES = Resources(memory=MiB(64), vcores=VCores(1))


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder in which containers of any user leave something."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o777)
        yield folder


@pytest.fixture
def settings(hadoop_cluster: HadoopCluster, tmp_path: Path) -> Settings:
    return Settings.from_environment({**hadoop_cluster.env, "SKEIN_CONFIG": str(tmp_path)})


def thief(user: str, public: Path) -> ApplicationSpec:
    """An application in whose container a user takes what he finds there."""
    script = (
        f'cp "$HADOOP_TOKEN_FILE_LOCATION" {public}/.{user} && chmod 644 {public}/.{user} '
        f"&& mv {public}/.{user} {public}/{user} && sleep 100"
    )
    return ApplicationSpec(user=user, services={"s": Service(resources=RESOURCES, script=script)})


async def stolen(user: str, public: Path) -> tuple[Credentials, bytes]:
    """The pair in a user's container, and all that his token file holds."""
    async with asyncio.timeout(60):
        while not (public / user).exists():
            await asyncio.sleep(0.05)
    content = (public / user).read_bytes()
    secrets = tokens.TokenStorage.read(content).secrets
    return Credentials(secrets[bootstrap.CERTIFICATE], secrets[bootstrap.KEY]), content


async def check(
    address: str, application_id: str, pair: Credentials, stranger: Credentials
) -> None:
    """An ApplicationMaster knows its own pair, and that of another application not."""
    async with ApplicationClient(application_id, address, pair) as own:
        await own.keys.put("k", b"v")
    async with ApplicationClient(application_id, address, stranger) as other:
        with pytest.raises(AccessDeniedError, match="a different one"):
            await other.add_container("s")


@contextlib.asynccontextmanager
async def submitted(
    client: Client, *specs: ApplicationSpec
) -> AsyncIterator[tuple[ApplicationId, ...]]:
    found: list[ApplicationId] = []
    try:
        for spec in specs:
            found.append(await client.submit(spec))  # noqa: PERF401  # those before it are ended
        yield tuple(found)
    finally:
        for spec, each in zip(specs, found, strict=False):
            with contextlib.suppress(YarnhubError):
                async with client.acting_for(spec.user) as owner:
                    await owner.kill(each)


async def test_of_managed_applications_of_a_service_for_its_users(
    settings: Settings, tmp_path: Path, public: Path
) -> None:
    holder = Credentials.read_or_create(tmp_path)
    async with (
        Client(settings) as service,
        submitted(service, thief("alice", public), thief("bob", public)) as (first, second),
    ):
        alice, content = await stolen("alice", public)
        bob, _ = await stolen("bob", public)
        assert holder.key not in content
        assert holder.certificate not in content
        for application, own, other in (first, alice, bob), (second, bob, alice):
            # Whoever holds the service's pair needs nothing else, after a restart, say.
            async with (
                Client(settings) as again,
                await again.connect(application) as reached,
            ):
                assert [each.id for each in await reached.get_containers()] == ["s_0"]
            await check(reached.address, str(application), own, other)


async def test_of_unmanaged_applications_of_a_service_for_its_users(
    settings: Settings, tmp_path: Path, public: Path
) -> None:
    async with UnmanagedApplications(
        settings, folder=tmp_path / "held", host="localhost"
    ) as applications:
        held = [await applications.submit(thief(user, public)) for user in ("alice", "bob")]
        try:
            alice, _ = await stolen("alice", public)
            bob, _ = await stolen("bob", public)
            address = f"localhost:{applications.port}"
            for application, own, other in (held[0], alice, bob), (held[1], bob, alice):
                assert Credentials(*application.pair) == own
                await check(address, application.id, own, other)
        finally:
            for application in held:
                await application.kill()


async def test_of_skein_as_a_service_for_its_users_with_kerberos(
    kerberos_cluster: HadoopCluster, tmp_path: Path, public: Path
) -> None:
    service = await log_in(kerberos_cluster, "jupyterhub", tmp_path / "service")
    submissions = {}
    for user in "alice", "bob":
        spec = thief(user, public).to_dict() | {
            "acls": {"enable": True, "view_users": ["jupyterhub"]}
        }
        (service.folder / f"{user}.yaml").write_text(json.dumps(spec))
        submissions[user] = service.skein("application", "submit", f"{user}.yaml").stdout.strip()
    try:
        pairs = {user: (await stolen(user, public))[0] for user in submissions}
        assert {(public / user).owner() for user in submissions} == {"alice", "bob"}
        settings = Settings.from_environment(service.env)
        for user, other in ("alice", "bob"), ("bob", "alice"):
            application = submissions[user]
            service.skein("kv", "put", application, "--key", "of", "--value", user)
            assert service.skein("kv", "get", application, "--key", "of").stdout.strip() == user
            async with Client(settings) as client:
                report = await client.application_report(ApplicationId.parse(application))
            address = f"{report.host}:{report.rpc_port}"
            await check(address, application, pairs[user], pairs[other])
    finally:
        for user, application in submissions.items():
            service.skein("application", "kill", application, "--user", user)
