"""Where tokens come from: the contract on the fake and on a real NameNode and ResourceManager."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from appmaster.clock import instant
from client.tokens.source_contract import Contract, FakeSource, Server
from hadoop.tickets import Ticket
from yarnhub.base.errors import (
    AuthenticationError,
    ConfigurationError,
    ConnectError,
    RemoteError,
    SpecError,
)
from yarnhub.base.units import MiB, VCores
from yarnhub.client.access.settings import Settings
from yarnhub.client.client import Client
from yarnhub.client.files.file_systems import user_file_system
from yarnhub.client.tokens import submission
from yarnhub.client.tokens.submission import (
    ResourceManagerTokens,
    SubmissionTokens,
    beside_default,
    cancel_tokens,
    fetch_tokens,
    file_systems_of,
    token_sources,
)
from yarnhub.filesystem.delegation import NameNodeTokens
from yarnhub.hadoop.conf import Configuration
from yarnhub.hadoop.ipc.options import RpcOptions
from yarnhub.hadoop.security.users import KerberosUser, SimpleUser
from yarnhub.hadoop.wire.identifiers import HDFS, KEY_SERVER, RESOURCE_MANAGER, read_identifier
from yarnhub.spec import ApplicationSpec, File, Resources, Service
from yarnhub.yarn.records.ids import ApplicationId

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from yarnhub.cluster import HadoopCluster
    from yarnhub.hadoop.security.users import User
    from yarnhub.hadoop.wire.tokens import Token


HUB = Ticket("jupyterhub@YARNHUB.TEST")


class TestFake(Contract):
    @pytest.fixture
    def server(self) -> Server:
        return Server(FakeSource(), KerberosUser(HUB, "alice"), KerberosUser(HUB))


@pytest.mark.cluster
class TestNameNode(Contract):
    @pytest.fixture
    def server(self, hub_settings: Settings) -> Server:
        return real(NameNodeTokens("", hub_settings.configuration), hub_settings)


@pytest.mark.cluster
class TestResourceManager(Contract):
    @pytest.fixture
    def server(self, hub_settings: Settings) -> Server:
        return real(ResourceManagerTokens(hub_settings), hub_settings)


def real(source: NameNodeTokens | ResourceManagerTokens, settings: Settings) -> Server:
    user, login = settings.acting_for("alice").user, settings.user
    assert isinstance(user, KerberosUser)
    assert isinstance(login, KerberosUser)
    return Server(source, user, login)


@pytest.mark.cluster
async def test_a_submission_has_tokens_that_the_resource_manager_may_renew(
    hub_settings: Settings, kerberos_cluster: HadoopCluster
) -> None:
    _, name_node = kerberos_cluster.name_node_address
    _, manager = kerberos_cluster.resource_manager_address
    # The default file system once more, and one that is not HDFS, are nothing to ask for.
    named = [hub_settings.configuration.get("fs.defaultFS") or "", "s3a://bucket"]
    async with SubmissionTokens(hub_settings.acting_for("alice"), named) as fetched:
        await fetched.fetch()
        found = fetched.by_alias
    key_server = hub_settings.configuration.get("hadoop.security.key.provider.path")
    assert {alias: token.kind for alias, token in found.items()} == {
        f"127.0.0.1:{name_node}": HDFS,
        f"127.0.0.1:{manager}": RESOURCE_MANAGER,
        key_server: KEY_SERVER,
    }
    assert {read_identifier(token).renewer for token in found.values()} == {"yarn"}


@pytest.mark.cluster
async def test_without_security_there_is_nothing_to_ask_for(
    hadoop_cluster: HadoopCluster, tmp_path: Path
) -> None:
    simple = Settings.from_environment({**hadoop_cluster.env, "SKEIN_CONFIG": str(tmp_path)})
    assert await token_sources(simple) == ()
    async with SubmissionTokens(simple) as fetched:
        await fetched.fetch()
    assert fetched.by_alias == {}


def of(tmp_path: Path, values: dict[str, str]) -> Settings:
    return Settings(
        configuration=Configuration(values),
        user=SimpleUser("alice"),
        user_name="alice",
        config_folder=tmp_path,
        cache_folder=tmp_path,
        language="C",
        options=RpcOptions(),
    )


def test_the_file_systems_of_an_application(tmp_path: Path) -> None:
    settings = of(tmp_path, {"fs.defaultFS": "hdfs://nn:8020"})
    files = {"a": "hdfs://archive/a", "b": "hdfs://third:9000/b", "c": "file:///c", "d": "hdfs:/d"}
    spec = ApplicationSpec.from_dict(
        {
            "file_systems": ["hdfs://ARCHIVE:8020", "hdfs://nn", "s3a://bucket"],
            "master": {"script": "x", "files": files},
        }
    )
    found = beside_default(settings, file_systems_of(spec))
    assert found == ("hdfs://ARCHIVE:8020", "hdfs://third:9000")


@pytest.mark.cluster
async def test_a_view_of_several_file_systems_has_the_tokens_of_all(
    hub_settings: Settings, kerberos_cluster: HadoopCluster
) -> None:
    default = hub_settings.configuration.get("fs.defaultFS")
    table = "fs.viewfs.mounttable.cluster"
    site = hub_settings.configuration
    view = {key: site.get(key) or "" for key in site.keys()}  # noqa: SIM118
    view |= {
        "fs.defaultFS": "viewfs://cluster",
        f"{table}.link./user": f"{default}/user",
        f"{table}.link./tmp": f"{default}/tmp",
    }
    viewing = replace(hub_settings, configuration=Configuration(view))
    found = []
    for each in (hub_settings, viewing):
        async with SubmissionTokens(each.acting_for("alice")) as fetched:
            await fetched.fetch()
            found.append(set(fetched.by_alias))
    assert found[0] == found[1]
    assert len(found[0]) > 1
    async with user_file_system(viewing.acting_for("alice")) as file_system:
        assert await file_system.home() == f"{default}/user/alice"
        assert await file_system.status("/user/alice")


def test_a_view_is_its_targets(tmp_path: Path) -> None:
    table = "fs.viewfs.mounttable.cluster"
    values = {
        "fs.defaultFS": "viewfs://cluster",
        f"{table}.link./user": "hdfs://one/user",
        f"{table}.link./tmp": "hdfs://ONE:8020/tmp",
        f"{table}.linkFallback": "hdfs://two/",
        f"{table}.link./s3": "s3a://bucket/",
    }
    found = beside_default(of(tmp_path, values), ("viewfs:///", "hdfs://three"))
    assert found == ("hdfs://one", "hdfs://two", "hdfs://three")
    with pytest.raises(ConfigurationError, match=r"no fs\.viewfs\.mounttable\.unknown\.link"):
        beside_default(of(tmp_path, values), ("viewfs://unknown",))


# --- tokens that nobody needs any more

ALICE, LOGIN = KerberosUser(HUB, "alice"), KerberosUser(HUB)


class Unreachable(FakeSource):
    async def cancel(self, user: User, token: Token) -> None:
        raise ConnectError("nobody answers")


@instant
async def test_of_a_source_that_fails_no_other_tokens_are_left() -> None:
    good, bad = FakeSource(), FakeSource("10.0.0.9:8032", refusals=[ConnectError("nobody answers")])
    with pytest.raises(ConnectError):
        await fetch_tokens([good, bad], ALICE, "yarn")
    assert (good.calls, good.alive) == (["fetch", "cancel"], {})


@instant
async def test_the_slowest_sources_token_keeps_its_place() -> None:
    """The first is the default file system's: an ApplicationMaster enters its folder with it."""
    slow, quick = FakeSource(delay=1.0), FakeSource("10.0.0.9:8032")
    assert list(await fetch_tokens([slow, quick], ALICE, "yarn")) == [slow, quick]


@instant
async def test_one_that_cannot_be_cancelled_keeps_no_other_alive() -> None:
    good, gone = FakeSource(), Unreachable("10.0.0.9:8032")
    tokens = await fetch_tokens([gone, good], ALICE, "jupyterhub")
    await cancel_tokens(tokens.items(), ALICE)
    with pytest.raises(AuthenticationError, match="unknown token"):
        await good.renew(LOGIN, tokens[good])


@instant
async def test_submissions_that_fail_leave_no_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = FakeSource(delay=1.0), FakeSource("10.0.0.9:8032", delay=2.0)

    async def both(*_: object) -> Sequence[FakeSource]:
        return sources

    async def principal(*_: object) -> str:
        return "yarn"

    monkeypatch.setattr(submission, "token_sources", both)
    monkeypatch.setattr(submission, "server_principal", principal)
    named = {"yarn.resourcemanager.principal": "yarn/_HOST@EXAMPLE.COM"}
    settings = replace(of(tmp_path, named), user=ALICE)

    async def submit(seconds: float = 0.0, error: Exception | None = None) -> None:
        async with SubmissionTokens(settings) as tokens:
            await tokens.fetch()
            await asyncio.sleep(seconds)
            if error is not None:
                raise error

    for _ in range(5):
        with pytest.raises(SpecError):
            await submit(error=SpecError("x", "YARN refuses it"))
        sources[1].refusals.append(ConnectError("nobody answers"))
        with pytest.raises(ConnectError):
            await submit()
        for seconds in (0.5, 1.5, 3.0):  # before the first token came, the second one, and later
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(seconds):
                    await submit(10.0)
    for source in sources:
        assert source.issued >= 10
        assert (source.cancelled, source.alive) == (source.issued, {})
    await submit()
    assert all(len(source.alive) == 1 for source in sources), "the ResourceManager ends these"


@pytest.mark.cluster
async def test_what_is_done_in_hdfs_for_another_user_leaves_no_token(
    hub_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[Token] = []
    fetch = NameNodeTokens.fetch

    async def remember(source: NameNodeTokens, user: User, renewer: str) -> Token:
        found.append(await fetch(source, user, renewer))
        return found[-1]

    monkeypatch.setattr(NameNodeTokens, "fetch", remember)
    async with Client(hub_settings.acting_for("alice")) as client:
        await client.clean_up(ApplicationId(id=1, cluster_timestamp=1))
        await client.sweep(0)
        with pytest.raises(SpecError, match="does not exist"):
            await client.submit(
                ApplicationSpec(
                    services={
                        "s": Service(
                            resources=Resources(memory=MiB(64), vcores=VCores(1)),
                            script="id",
                            files={"f": File(source="/nosuch")},
                        )
                    }
                )
            )
    assert len(found) >= 3
    source, alice = NameNodeTokens("", hub_settings.configuration), hub_settings.acting_for("alice")
    for token in found:
        with pytest.raises((AuthenticationError, RemoteError), match="not found"):
            await source.cancel(alice.user, token)
