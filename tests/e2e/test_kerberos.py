"""The notebook walk-through on a cluster with Kerberos, privacy and ACLs, as alice after kinit."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

from e2e.walk import User, eventually, log_in, of_application
from yarnhub.filesystem.open import open_file_system
from yarnhub.hadoop.conf import Configuration
from yarnhub.hadoop.security.kerberos import Keytab
from yarnhub.hadoop.security.users import KerberosUser

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from yarnhub.cluster import HadoopCluster

pytestmark = pytest.mark.cluster

CELL = """\
import getpass, json, os
print(json.dumps([getpass.getuser(), os.environ["CONTAINER_ID"], sum(range(10))]))
"""


@pytest.fixture
async def alice(kerberos_cluster: HadoopCluster, demo_folder: Path) -> User:
    return await log_in(kerberos_cluster, "alice", demo_folder)


@pytest.fixture
async def bob(kerberos_cluster: HadoopCluster, tmp_path: Path) -> User:
    return await log_in(kerberos_cluster, "bob", tmp_path / "bob")


@pytest.fixture
def notebook(alice: User) -> Iterator[tuple[str, dict[str, str]]]:
    """A running notebook of alice's, which is ended whatever happens."""
    application, info = alice.start_notebook()
    yield application, info
    alice.skein("application", "kill", application, check=False)


def test_alices_notebook(alice: User, bob: User, notebook: tuple[str, dict[str, str]]) -> None:
    application, info = notebook
    assert set(info) == {"protocol", "host", "port", "base_url", "token"}

    user, container, answer = json.loads(alice.run_cell(CELL))
    assert (user, answer) == ("alice", 45)
    assert container.startswith(application.replace("application", "container"))

    found = of_application(application).values()
    assert {owner for owner, _, _ in found} == {"alice"}
    commands = "\n".join(command for _, command, _ in found)
    assert "container_tokens" in commands, "the ApplicationMaster is not among them"
    assert "jupyter_notebook" in commands, "the service is not among them"
    secret = info["token"]
    assert not any(secret in command for _, command, _ in found)

    check_bob_can_do_nothing(bob, application)
    assert json.loads(alice.run_cell(CELL))[0] == "alice", "bob did harm"

    alice.skein("application", "shutdown", application)
    status = alice.skein("application", "status", application).stdout
    assert "FINISHED    SUCCEEDED" in status
    eventually(lambda: not of_application(application), "the containers have ended")


def check_bob_can_do_nothing(bob: User, application: str) -> None:
    killed = bob.skein("application", "kill", application, check=False)
    assert killed.returncode == 1
    assert "bob" in killed.stderr
    assert "Traceback" not in killed.stderr

    key = ("kv", "get", application, "--key", "jupyter.notebook.info")
    refused = bob.skein(*key, check=False)
    assert refused.returncode == 1
    assert refused.stdout == ""
    assert "alice" in refused.stderr
    assert "Traceback" not in refused.stderr


async def test_without_a_ticket_the_user_is_told_to_run_kinit(
    alice: User, kerberos_cluster: HadoopCluster, tmp_path: Path
) -> None:
    env = {**alice.env, "KRB5CCNAME": f"FILE:{tmp_path / 'none'}"}
    nobody = User(alice.folder, env)
    failed = nobody.skein("application", "submit", "jupyter-demo.yaml", check=False)
    assert failed.returncode == 1
    assert "kinit" in failed.stderr
    assert len(failed.stderr.strip().splitlines()) == 1


async def test_who_may_not_impersonate_is_told(bob: User) -> None:
    spec = bob.folder / "as-alice.yaml"
    spec.write_text(
        "name: forged\nuser: alice\n"
        "services: {s: {resources: {memory: 64, vcores: 1}, script: id}}\n"
    )
    refused = bob.skein("application", "submit", spec.name, check=False)
    assert refused.returncode == 1
    assert "bob" in refused.stderr
    assert "impersonate alice" in refused.stderr
    shutil.rmtree(bob.folder / ".skein", ignore_errors=True)


async def test_a_proxy_user_runs_applications_of_others(
    kerberos_cluster: HadoopCluster, tmp_path: Path
) -> None:
    hub = await log_in(kerberos_cluster, "jupyterhub", tmp_path / "hub")
    (hub.folder / "data.txt").write_text("shipped")
    (hub.folder / "hello.yaml").write_text(
        "name: hello\nuser: alice\nacls: {enable: true, view_users: [jupyterhub]}\n"
        "services:\n"
        "  s:\n"
        "    resources: {memory: 64, vcores: 1}\n"
        "    files: {data.txt: data.txt}\n"
        "    script: 'cat data.txt; echo; id -un'\n"
    )
    application = hub.skein("application", "submit", "hello.yaml").stdout.strip()
    hub.skein("kv", "get", application, "--key", "none", "--wait", check=False)
    logs = hub.skein("application", "logs", application, "--user", "alice").stdout
    assert "\nshipped\nalice\n" in logs


async def test_a_principal_is_the_user_that_auth_to_local_makes_of_it(
    kerberos_cluster: HadoopCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KRB5_CONFIG", kerberos_cluster.variables["KRB5_CONFIG"])
    asmith = await log_in(kerberos_cluster, "asmith", tmp_path / "asmith")
    (asmith.folder / "data.txt").write_text("shipped")
    (asmith.folder / "hello.yaml").write_text(
        "name: hello\n"
        "services:\n"
        "  s:\n"
        "    resources: {memory: 64, vcores: 1}\n"
        "    files: {data.txt: data.txt}\n"
        "    script: 'cat data.txt; echo; id -un'\n"
    )
    application = asmith.skein("application", "submit", "hello.yaml").stdout.strip()
    asmith.skein("kv", "get", application, "--key", "none", "--wait", check=False)
    assert "FINISHED    SUCCEEDED" in asmith.skein("application", "status", application).stdout
    assert "\nshipped\nalice\n" in asmith.skein("application", "logs", application).stdout

    configuration = Configuration.load(kerberos_cluster.conf_dir)
    keytab = Keytab(kerberos_cluster.keytab("asmith"), f"asmith@{kerberos_cluster.realm}")
    async with open_file_system("", configuration, KerberosUser(keytab)) as file_system:
        home = await file_system.home()
        assert home == f"{file_system.uri}/user/alice"
        written = await file_system.write(f"{home}/by-asmith", b"x")
        assert written.owner == "alice"
        await file_system.delete(written.path)
