"""A service that acts for its users, on a cluster that shows applications to their owners only."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import skein
from compat.conftest import SLEEPER
from e2e.walk import User

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from yarnhub.cluster.hadoop import HadoopCluster

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def gateway(
    kerberos_cluster: HadoopCluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[skein.Client]:
    """One that may act for alice and bob."""
    folder = tmp_path_factory.mktemp("gateway")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HADOOP_CONF_DIR", str(kerberos_cluster.conf_dir))
        patch.setenv("KRB5_CONFIG", kerberos_cluster.variables["KRB5_CONFIG"])
        patch.setenv("SKEIN_CONFIG", str(folder))
        skein.Security.new_credentials().to_directory(folder)
        principal = f"dask@{kerberos_cluster.realm}"
        with skein.Client(keytab=kerberos_cluster.keytab("dask"), principal=principal) as client:
            yield client


@pytest.fixture
def app_id(gateway: skein.Client) -> Iterator[str]:
    """An application of alice's."""
    app_id = gateway.submit(skein.ApplicationSpec(user="alice", services={"sleeper": SLEEPER}))
    yield app_id
    gateway.kill_application(app_id, user="alice")


def test_a_service_sees_and_ends_what_it_may_act_for(gateway: skein.Client, app_id: str) -> None:
    with gateway.connect(app_id) as app:
        assert app.id == app_id
    report = gateway.application_report(app_id)
    assert (report.user, report.state, (report.port or 0) > 0) == ("alice", "RUNNING", True)
    assert report.usage.num_used_containers > 0
    said = gateway.explain_application(app_id)
    assert [place.container for place in said.places], "where its containers are"
    with pytest.raises(ValueError, match="no-such-queue"):
        gateway.move_application(app_id, "no-such-queue")
    gateway.kill_application(app_id)
    assert gateway.application_report(app_id).state == "KILLED"
    assert len(gateway.application_logs(app_id)) > 0, "out of a folder that is her own"


async def test_its_commands_do_so_too_and_strangers_are_refused(
    app_id: str, gateway: skein.Client, kerberos_cluster: HadoopCluster, tmp_path: Path
) -> None:
    gateway.security.to_directory(tmp_path)
    users = {}
    for name in ("dask", "bob"):
        await kerberos_cluster.kinit(name, tmp_path / name)
        ticket = {"KRB5CCNAME": f"FILE:{tmp_path / name}", "SKEIN_CONFIG": str(tmp_path)}
        users[name] = User(tmp_path, {**kerberos_cluster.env, **ticket})
    refused = users["bob"].skein("application", "kill", app_id, check=False)
    assert refused.returncode == 1
    assert "bob cannot perform operation MODIFY_APP" in refused.stderr
    users["dask"].skein("kv", "put", app_id, "--key", "k", "--value", "v")
    assert "RUNNING" in users["dask"].skein("application", "status", app_id).stdout
    users["dask"].skein("application", "kill", app_id)
    assert gateway.application_report(app_id).state == "KILLED"
