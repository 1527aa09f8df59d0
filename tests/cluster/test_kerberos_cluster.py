"""A running cluster with Kerberos; needs root and Debian's packages for a KDC."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from yarnhub.base.errors import ConfigurationError
from yarnhub.cluster.host import Host
from yarnhub.cluster.security.realm import check_host, check_world_accessible

if TYPE_CHECKING:
    from yarnhub.cluster import HadoopCluster


def run(cluster: HadoopCluster, ccache: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {**cluster.env, "KRB5CCNAME": f"FILE:{ccache}"}
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.cluster
async def test_a_user_works_with_a_ticket(kerberos_cluster: HadoopCluster, tmp_path: Path) -> None:
    await kerberos_cluster.kinit("alice", tmp_path / "alice")
    shown = run(kerberos_cluster, tmp_path / "alice", "klist").stdout
    assert f"Default principal: alice@{kerberos_cluster.realm}" in shown
    listed = run(kerberos_cluster, tmp_path / "alice", "hdfs", "dfs", "-ls", "/user/alice")
    assert listed.returncode == 0, listed.stderr
    refused = run(kerberos_cluster, tmp_path / "alice", "hdfs", "dfs", "-mkdir", "/user/bob/x")
    assert "Permission denied: user=alice" in refused.stderr
    nodes = run(kerberos_cluster, tmp_path / "alice", "yarn", "node", "-list")
    assert kerberos_cluster.address("nodemanager-1") in nodes.stdout, nodes.stderr


@pytest.mark.cluster
async def test_nobody_works_without_a_ticket(
    kerberos_cluster: HadoopCluster, tmp_path: Path
) -> None:
    refused = run(kerberos_cluster, tmp_path / "none", "hdfs", "dfs", "-ls", "/")
    assert refused.returncode != 0
    assert "Client cannot authenticate via:[TOKEN, KERBEROS]" in refused.stderr


@pytest.mark.cluster
async def test_the_realm_survives_a_restart_of_the_kdc(
    kerberos_cluster: HadoopCluster, tmp_path: Path
) -> None:
    await kerberos_cluster.restart("kdc")
    await kerberos_cluster.kinit("bob", tmp_path / "bob")
    assert "bob@" in run(kerberos_cluster, tmp_path / "bob", "klist").stdout


@pytest.mark.cluster
async def test_keytabs_are_private(kerberos_cluster: HadoopCluster) -> None:
    for user in ("alice", "bob"):
        keytab = kerberos_cluster.keytab(user)
        assert keytab.owner() == user
        assert keytab.stat().st_mode & 0o077 == 0
    with pytest.raises(ConfigurationError, match="no keytab for 'mallory'"):
        kerberos_cluster.keytab("mallory")


@pytest.mark.cluster
def test_users_of_the_machine_read_no_stored_tokens_and_keys(
    kerberos_cluster: HadoopCluster,
) -> None:
    state = kerberos_cluster.state
    as_alice = ("setpriv", "--reuid=alice", "--regid=alice", "--clear-groups")
    found = subprocess.run(
        [*as_alice, "find", state, "-type", "f", "!", "-user", "alice", "-readable"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    readable = [str(Path(line).relative_to(state)) for line in found.stdout.splitlines()]
    assert "conf/core-site.xml" in readable
    secret = re.compile(r"(hdfs|kerberos/(keytabs|principal|stash)|yarn/(resourcem|zoo|[^/]+/rec))")
    assert [path for path in readable if secret.match(path)] == []


def test_what_is_missing_is_named_with_its_package(tmp_path: Path) -> None:
    user = Host("carol", is_root=False, cache=tmp_path, state=tmp_path, environment={})
    with pytest.raises(ConfigurationError, match="run it as root"):
        check_host(user)
    path = {"PATH": f"{tmp_path}:/usr/sbin:/sbin"}
    root = Host("root", is_root=True, cache=tmp_path, state=tmp_path, environment=path)
    with pytest.raises(ConfigurationError, match=r"needs kinit, bash: .*install bash krb5-user"):
        check_host(root)


def test_a_folder_that_keeps_others_out_is_named(tmp_path: Path) -> None:
    (tmp_path / "private" / "state").mkdir(parents=True)
    (tmp_path / "private").chmod(0o700)
    with pytest.raises(ConfigurationError, match=f"cannot enter {tmp_path}/private"):
        check_world_accessible(tmp_path / "private" / "state")
