"""Real daemons: every way to be somebody, under every protection."""

from __future__ import annotations

import asyncio
import subprocess
import tempfile
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from yarnhub.base.errors import (
    AccessDeniedError,
    ApplicationNotFoundError,
    AuthenticationError,
    RemoteProtocolError,
)
from yarnhub.cluster import HadoopCluster, RpcProtection
from yarnhub.hadoop.conf import Configuration
from yarnhub.hadoop.ipc.client import Address, RpcClient, RpcOptions
from yarnhub.hadoop.security.users import KerberosUser, SimpleUser, TokenUser, User
from yarnhub.hadoop.wire.connection import State
from yarnhub.hadoop.wire.delegation import GetDelegationTokenRequest
from yarnhub.hadoop.wire.protection import Protection
from yarnhub.hadoop.wire.tokens import Token, TokenStorage
from yarnhub.yarn.records import resource_manager as rm
from yarnhub.yarn.records.ids import ApplicationId
from yarnhub.yarn.resource_manager import (
    GET_APPLICATION_REPORT,
    GET_DELEGATION_TOKEN,
    GET_NEW_APPLICATION,
    PROTOCOL,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

ALICE = SimpleUser("alice")


@asynccontextmanager
async def calling(
    cluster: HadoopCluster, user: User, options: RpcOptions | None = None
) -> AsyncIterator[RpcClient]:
    configuration = Configuration.load(cluster.conf_dir)
    address = configuration.get_address("yarn.resourcemanager.address", 8032)
    principal = configuration.get("yarn.resourcemanager.principal")
    options = replace(options or RpcOptions(), server_principal=principal)
    async with RpcClient([address], PROTOCOL, user, options=options) as client:
        yield client


async def new_application(client: RpcClient) -> ApplicationId:
    answer = await client.call(GET_NEW_APPLICATION, rm.GetNewApplicationRequest())
    assert answer.application_id is not None
    return answer.application_id


async def delegation_token(client: RpcClient, renewer: str = "yarn") -> Token:
    request = GetDelegationTokenRequest(renewer=renewer)
    answer = await client.call(GET_DELEGATION_TOKEN, request)
    assert answer.token is not None
    return answer.token


def state(client: RpcClient) -> State:
    assert client._connection is not None
    return client._connection._machine.state


# -- without security


async def test_a_simple_user(hadoop_cluster: HadoopCluster) -> None:
    async with calling(hadoop_cluster, ALICE) as client:
        assert (await new_application(client)).id > 0


async def test_many_calls_at_once(hadoop_cluster: HadoopCluster) -> None:
    async with calling(hadoop_cluster, ALICE) as client, asyncio.TaskGroup() as group:
        tasks = [group.create_task(new_application(client)) for _ in range(500)]
    assert len({task.result().id for task in tasks}) == 500


async def test_a_proxy_user_and_a_refused_one(hadoop_cluster: HadoopCluster) -> None:
    async with calling(hadoop_cluster, SimpleUser("alice", real="root")) as client:
        await new_application(client)
    async with calling(hadoop_cluster, SimpleUser("alice", real="mallory")) as client:
        with pytest.raises(AccessDeniedError, match="mallory is not allowed to impersonate alice"):
            await new_application(client)


async def test_a_token(hadoop_cluster: HadoopCluster) -> None:
    async with calling(hadoop_cluster, SimpleUser("alice", real="root")) as client:
        token = await delegation_token(client)
    async with calling(hadoop_cluster, TokenUser(token)) as client:
        await new_application(client)
    forged = replace(token, password=b"forged")
    async with calling(hadoop_cluster, TokenUser(forged)) as client:
        with pytest.raises(AuthenticationError, match="refused the connection"):
            await new_application(client)
    altered = replace(token, identifier=token.identifier[:-1] + b"\0")
    async with calling(hadoop_cluster, TokenUser(altered)) as client:
        with pytest.raises(AuthenticationError, match="refused the connection"):
            await new_application(client)


async def test_an_unknown_application(hadoop_cluster: HadoopCluster) -> None:
    request = rm.GetApplicationReportRequest(
        application_id=ApplicationId(id=1, cluster_timestamp=1)
    )
    async with calling(hadoop_cluster, ALICE) as client:
        with pytest.raises(ApplicationNotFoundError, match="application_1_0001"):
            await client.call(GET_APPLICATION_REPORT, request)
        await new_application(client)


async def test_a_ping_is_understood(hadoop_cluster: HadoopCluster) -> None:
    async with calling(hadoop_cluster, ALICE) as client:
        await new_application(client)
        connection = client._connection
        assert connection is not None
        connection._machine.ping()
        await new_application(client)
        assert client._connection is connection


async def test_a_web_port_is_recognised(hadoop_cluster: HadoopCluster) -> None:
    port = int(hadoop_cluster.rm_web_url.rpartition(":")[2])
    async with RpcClient([Address("localhost", port)], PROTOCOL, ALICE) as client:
        with pytest.raises(RemoteProtocolError, match="web port"):
            await new_application(client)


async def test_java_reads_and_writes_the_same_token_files(
    hadoop_cluster: HadoopCluster, tmp_path: Path
) -> None:
    async with calling(hadoop_cluster, SimpleUser("alice", real="root")) as client:
        token = await delegation_token(client)
    # dtutil names each token by its service.
    services = ("", "ü", "localhost:8032", "long " * 60)
    credentials = TokenStorage({name: replace(token, service=name) for name in services})
    copy = tmp_path / "copy"
    for form in ("java", "protobuf"):
        copy.write_bytes(credentials.write())
        command = ["hadoop", "dtutil", "append", "-format", form, str(copy)]
        done = await asyncio.to_thread(
            subprocess.run,
            command,
            env=hadoop_cluster.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        written = copy.read_bytes()
        assert written[4] == (form == "protobuf")
        assert TokenStorage.read(written) == credentials


# -- with security


@pytest.fixture(scope="module", params=list(RpcProtection), ids=lambda each: each.value)
def secure(request: pytest.FixtureRequest) -> Iterator[HadoopCluster]:
    """A Kerberos cluster under each protection."""
    if request.param is RpcProtection.PRIVACY:
        yield request.getfixturevalue("kerberos_cluster")
        return
    with asyncio.Runner() as runner, tempfile.TemporaryDirectory(prefix="yarnhub-") as folder:
        Path(folder).chmod(0o755)  # containers run as other users
        state = Path(folder) / "cluster"
        cluster = HadoopCluster(kerberos=True, rpc_protection=request.param, state=state)
        runner.run(cluster.start())
        try:
            yield cluster
        finally:
            runner.run(cluster.stop())


@pytest.fixture
def realm(secure: HadoopCluster, monkeypatch: pytest.MonkeyPatch) -> HadoopCluster:
    """The cluster, with this process in its realm."""
    pytest.importorskip("gssapi")
    for name, value in secure.variables.items():
        monkeypatch.setenv(name, value)
    return secure


def keytab(cluster: HadoopCluster, user: str) -> KerberosUser:
    from yarnhub.hadoop.security.kerberos import Keytab

    return KerberosUser(Keytab(cluster.keytab(user), f"{user}@{cluster.realm}"))


def protected(cluster: HadoopCluster) -> State:
    plain = cluster.options.rpc_protection is RpcProtection.AUTHENTICATION
    return State.READY if plain else State.PROTECTED


async def test_a_keytab(realm: HadoopCluster) -> None:
    async with calling(realm, keytab(realm, "alice")) as client:
        await new_application(client)
        assert state(client) is protected(realm)


async def test_a_ticket_cache(realm: HadoopCluster, tmp_path: Path) -> None:
    from yarnhub.hadoop.security.kerberos import TicketCache

    cache = tmp_path / "cache"
    await realm.kinit("bob", cache)
    ticket = TicketCache(f"FILE:{cache}")
    assert ticket.principal == f"bob@{realm.realm}"
    async with calling(realm, KerberosUser(ticket)) as client:
        await new_application(client)


async def test_an_expired_ticket(realm: HadoopCluster, tmp_path: Path) -> None:
    from yarnhub.hadoop.security.kerberos import TicketCache

    async def run(*command: str) -> int:
        process = await asyncio.create_subprocess_exec(
            *command, env=realm.env, stdout=subprocess.DEVNULL
        )
        return await process.wait()

    cache = f"FILE:{tmp_path / 'cache'}"
    key = str(realm.keytab("bob"))
    assert await run("kinit", "-l", "1s", "-k", "-t", key, "-c", cache, "bob") == 0
    while await run("klist", "-s", "-c", cache) == 0:
        pass
    async with calling(realm, KerberosUser(TicketCache(cache))) as client:
        with pytest.raises(AuthenticationError, match="it has expired: run kinit"):
            await new_application(client)
        assert await run("kinit", "-k", "-t", key, "-c", cache, "bob") == 0
        await new_application(client)


async def test_a_kerberos_proxy_user_and_a_refused_one(realm: HadoopCluster) -> None:
    for_alice = replace(keytab(realm, "jupyterhub"), name="alice")
    async with calling(realm, for_alice) as client:
        await new_application(client)
    async with calling(realm, replace(keytab(realm, "bob"), name="alice")) as client:
        with pytest.raises(AccessDeniedError, match=r"bob@.* is not allowed to impersonate alice"):
            await new_application(client)


async def test_a_token_of_a_secure_cluster(realm: HadoopCluster) -> None:
    for_alice = replace(keytab(realm, "jupyterhub"), name="alice")
    async with calling(realm, for_alice) as client:
        token = await delegation_token(client, "jupyterhub")
    async with calling(realm, TokenUser(token)) as client:
        await new_application(client)
        assert state(client) is protected(realm)


async def test_large_and_many_messages_under_the_layer(realm: HadoopCluster) -> None:
    for_alice = replace(keytab(realm, "jupyterhub"), name="alice")
    async with calling(realm, for_alice) as client:
        token = await delegation_token(client, "jupyterhub")
    for user in (for_alice, TokenUser(token)):
        async with calling(realm, user) as client, asyncio.TaskGroup() as group:
            tasks = [group.create_task(new_application(client)) for _ in range(200)]
            if isinstance(user, KerberosUser):
                renewer = "r" * 200_000
                assert renewer.encode() in (await delegation_token(client, renewer)).identifier
        assert len({task.result().id for task in tasks}) == 200


async def test_less_protection_than_asked_for_is_refused(realm: HadoopCluster) -> None:
    options = RpcOptions(minimum_protection=Protection.PRIVACY)
    async with calling(realm, keytab(realm, "alice"), options) as client:
        if realm.options.rpc_protection is RpcProtection.PRIVACY:
            await new_application(client)
        else:
            with pytest.raises(AuthenticationError, match=r"offers .* requires privacy"):
                await new_application(client)


async def test_a_secure_cluster_wants_proof(realm: HadoopCluster) -> None:
    async with calling(realm, ALICE) as client:
        with pytest.raises(AuthenticationError, match=r"SIMPLE .* not enabled.*run kinit"):
            await new_application(client)


async def test_no_ticket_for_another_server(realm: HadoopCluster) -> None:
    address = Address(*realm.resource_manager_address)
    for principal, reason in (
        ("yarn/_HOST@" + str(realm.realm), "the server's principal is rm/localhost"),
        ("rm/_HOST@OTHER", "no Kerberos ticket for the server rm/localhost@OTHER"),
    ):
        options = RpcOptions(server_principal=principal)
        async with RpcClient(
            [address], PROTOCOL, keytab(realm, "alice"), options=options
        ) as client:
            with pytest.raises(AuthenticationError, match=reason):
                await new_application(client)


async def test_what_a_keytab_may_lack(
    realm: HadoopCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from yarnhub.hadoop.security.kerberos import Keytab

    other = KerberosUser(Keytab(realm.keytab("alice"), "bob"))
    async with calling(realm, other) as client:
        with pytest.raises(AuthenticationError, match="has no key of this principal"):
            await new_application(client)
    file = tmp_path / "krb5.conf"
    port = realm.address("kdc").rpartition(":")[2]
    text = await asyncio.to_thread((realm.state / "kerberos" / "krb5.conf").read_text)
    assert f":{port}" in text
    await asyncio.to_thread(file.write_text, text.replace(f":{port}", ":1"))
    monkeypatch.setenv("KRB5_CONFIG", str(file))
    async with calling(realm, keytab(realm, "alice")) as client:
        with pytest.raises(AuthenticationError, match="no KDC of the realm can be reached"):
            await new_application(client)


async def test_no_silent_fallback_to_simple(
    realm: HadoopCluster, hadoop_cluster: HadoopCluster
) -> None:
    address = Address(*hadoop_cluster.resource_manager_address)
    for allowed in (False, True):
        options = RpcOptions(server_principal="rm/_HOST", fallback_to_simple=allowed)
        async with RpcClient(
            [address], PROTOCOL, keytab(realm, "alice"), options=options
        ) as client:
            if allowed:
                await new_application(client)
            else:
                with pytest.raises(AuthenticationError, match="does not require Kerberos"):
                    await new_application(client)
