"""Files in an encryption zone, whose keys a real key server (KMS) gives to who has a token."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

from client.tokens.source_contract import Contract, Server
from e2e.walk import User, eventually, log_in
from yarnhub.base.errors import AccessDeniedError
from yarnhub.client.access.settings import Settings
from yarnhub.client.tokens.submission import SubmissionTokens
from yarnhub.filesystem.key_provider import KeyProviderTokens, find_key_provider
from yarnhub.hadoop.security.kerberos import Keytab
from yarnhub.hadoop.security.users import KerberosUser
from yarnhub.hadoop.wire.identifiers import KEY_SERVER, read_identifier

if TYPE_CHECKING:
    from pathlib import Path

    from yarnhub.cluster import HadoopCluster

pytestmark = pytest.mark.cluster


@pytest.fixture
def settings(
    kerberos_cluster: HadoopCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    """Those of the hub's login, which may act for alice."""
    monkeypatch.setenv("KRB5_CONFIG", kerberos_cluster.variables["KRB5_CONFIG"])
    login = Keytab(kerberos_cluster.keytab("jupyterhub"), f"jupyterhub@{kerberos_cluster.realm}")
    variables = {**kerberos_cluster.env, "SKEIN_CONFIG": str(tmp_path / "skein")}
    return Settings.from_environment(variables, login)


@pytest.fixture
async def source(settings: Settings) -> KeyProviderTokens:
    found = await find_key_provider("", settings.configuration, settings.user)
    assert found is not None
    return KeyProviderTokens(found, settings.trust)


class TestKeyServer(Contract):
    """A key server's tokens are like the NameNode's, and the keeper keeps them fresh."""

    @pytest.fixture
    def server(self, settings: Settings, source: KeyProviderTokens) -> Server:
        user, login = settings.acting_for("alice").user, settings.user
        assert isinstance(user, KerberosUser)
        assert isinstance(login, KerberosUser)
        return Server(source, user, login)


async def test_no_token_for_whom_the_login_may_not_act(
    settings: Settings, source: KeyProviderTokens
) -> None:
    user = settings.acting_for("mallory").user
    with pytest.raises(AccessDeniedError, match="not allowed to impersonate mallory"):
        await source.fetch(user, "yarn")


async def test_a_submission_has_the_token_under_javas_name(
    settings: Settings, kerberos_cluster: HadoopCluster
) -> None:
    async with SubmissionTokens(settings.acting_for("alice")) as fetched:
        await fetched.fetch()
    found = fetched.by_alias
    name = f"kms://https@{kerberos_cluster.address('kms')}/kms"
    assert found[name].kind == KEY_SERVER
    assert found[name].service == name
    assert next(iter(found)).startswith("127.0.0.1:"), "the file system's own comes first"
    assert read_identifier(found[name]).renewer == "yarn"


def put(user: User, zone: str, name: str, content: str) -> str:
    """Store a file there by Hadoop's own client."""
    (user.folder / name).write_text(content)
    user.run("hdfs", "dfs", "-put", "-f", name, f"{zone}/{name}")
    return f"{zone}/{name}"


@pytest.mark.parametrize("who", ["alice", "jupyterhub"])
async def test_the_localizer_and_java_in_a_container_read_it(
    kerberos_cluster: HadoopCluster, tmp_path: Path, who: str
) -> None:
    """With tokens alone: the ticket stays with the submitter, who may act for alice."""
    zone = kerberos_cluster.encryption_zone
    assert zone is not None
    alice = await log_in(kerberos_cluster, "alice", tmp_path / "alice")
    submitter = alice if who == "alice" else await log_in(kerberos_cluster, who, tmp_path / who)
    place = put(alice, zone, f"by-{who}.txt", "the answer is 42\n")
    hdfs = shutil.which("hdfs", path=alice.env["PATH"])
    script = (
        f"cat localized.txt\n{hdfs} dfs -cat {place}\n{hdfs} dfs -put localized.txt {place}.copy\n"
    )
    spec = {
        "name": "secrets",
        "user": "alice",
        "max_attempts": 2,
        "acls": {"enable": True, "view_users": [who]},
        "services": {
            "s": {
                "resources": {"memory": 768, "vcores": 1},
                "files": {"localized.txt": f"hdfs://{place}"},
                "script": script,
            }
        },
    }
    (submitter.folder / "app.json").write_text(json.dumps(spec))
    application = submitter.skein("application", "submit", "app.json").stdout.strip()
    try:
        submitter.skein("kv", "get", application, "--key", "none", "--wait", check=False)
        logs = submitter.skein("application", "logs", application, "--user", "alice").stdout
        assert logs.count("the answer is 42\n") == 2, logs
        status = submitter.skein("application", "status", application).stdout
        assert "FINISHED    SUCCEEDED" in status, logs
        assert alice.run("hdfs", "dfs", "-cat", f"{place}.copy").stdout == "the answer is 42\n"

        # What the ApplicationMaster does by HTTPS: its journal and its files are gone with it.
        def gone() -> bool:
            path = f"/user/alice/.skein/{application}"
            return alice.run("hdfs", "dfs", "-test", "-e", path, check=False).returncode != 0

        eventually(gone, "the staging folder is deleted")
    finally:
        alice.skein("application", "kill", application, check=False)
