"""The doctor on real clusters."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from yarnhub.cluster import HadoopCluster

PROGRAM = Path(sys.executable).parent / "yarnhub"

Findings = dict[str, dict[str, Any]]


def run_checks(
    cluster: HadoopCluster, *options: str, cache: str = "FILE:/nonexistent/ccache", **more: str
) -> tuple[Findings, int]:
    """What the doctor says, by check, and its exit code."""
    done = subprocess.run(
        [PROGRAM, "doctor", "--json", *options],
        env={**cluster.env, "KRB5CCNAME": cache, **more},
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )
    assert not done.stderr
    return {each["check"]: each for each in json.loads(done.stdout)}, done.returncode


def grades(findings: Findings) -> dict[str, str]:
    # There may be a proxy in PATH or none, and the nodes may be busy while they unpack.
    varying = ("proxy", "archives on the nodes")
    return {name: found["grade"] for name, found in findings.items() if name not in varying}


def hub(cluster: HadoopCluster) -> list[str]:
    return ["--principal", "jupyterhub", "--keytab", str(cluster.keytab("jupyterhub"))]


OF_HUB = (
    *("hub's configuration", "connections to servers", "services", "services' folders"),
    *("services' ports", "platform's database"),
)
USUAL = {
    "access control": "warning",
    "servers at once": "warning",  # for a small cluster
    **dict.fromkeys(OF_HUB, "not checked"),  # no hub's configuration is named
}


def expected() -> dict[str, str]:
    names = (
        *("configuration", "login", "ResourceManager", "Hadoop version", "proxy user"),
        *("proxy user's rules", "queue", "servers at once", "largest container"),
        *("Python on the nodes", "access control", "open ResourceManager", "HDFS", "WebHDFS"),
        *("packages", "JupyterHub", *OF_HUB),
    )
    return {name: USUAL.get(name, "ok") for name in names}


def unpacking_time(findings: Findings) -> float:
    """Milliseconds for each file."""
    what = findings["archives on the nodes"]["what"]
    found = re.search(r"each file of an archive: localhost (\S+) ms", what)
    assert found is not None, what
    return float(found[1])


@pytest.mark.cluster
def test_a_cluster_without_security(hadoop_cluster: HadoopCluster) -> None:
    findings, code = run_checks(hadoop_cluster, "--user", "alice", "--run")
    assert grades(findings) == expected(), findings
    assert code == 0
    address = ":".join(map(str, hadoop_cluster.resource_manager_address))
    assert f"{address} is active" in findings["ResourceManager"]["what"]
    assert hadoop_cluster.options.hadoop in findings["Hadoop version"]["what"]
    assert "localhost: 3." in findings["Python on the nodes"]["what"]
    assert unpacking_time(findings) > 0


@pytest.mark.cluster
def test_a_cluster_with_kerberos(kerberos_cluster: HadoopCluster) -> None:
    findings, code = run_checks(
        kerberos_cluster, *hub(kerberos_cluster), "--user", "alice", "--run"
    )
    assert grades(findings) == expected() | {"access control": "ok"}, findings
    assert code == 0
    assert "act for hosts" in findings["proxy user's rules"]["what"]
    assert unpacking_time(findings) > 0


@pytest.mark.cluster
def test_a_denied_user_and_an_unknown_queue(kerberos_cluster: HadoopCluster) -> None:
    options = [*hub(kerberos_cluster), "--user", "mallory", "--queue", "nope"]
    findings, code = run_checks(kerberos_cluster, *options)
    assert code == 1
    denied = findings["proxy user"]
    assert denied["grade"] == "error"
    assert "not allowed to impersonate mallory" in denied["what"]
    assert "hadoop.proxyuser.jupyterhub.hosts" in denied["mend"]
    assert "queue nope does not exist" in findings["queue"]["what"]
    assert "apples" in findings["queue"]["mend"]
    assert findings["servers at once"]["grade"] == "not checked"
    assert "mallory has no home" in findings["HDFS"]["what"]


@pytest.mark.cluster
def test_a_wrong_keytab(kerberos_cluster: HadoopCluster) -> None:
    alices = ["--principal", "jupyterhub", "--keytab", str(kerberos_cluster.keytab("alice"))]
    findings, code = run_checks(kerberos_cluster, *alices, "--user", "alice")
    assert code == 1
    assert findings["login"]["grade"] == "error"
    assert "no key of this principal" in findings["login"]["what"]
    assert "klist -kt" in findings["login"]["mend"]
    assert findings["ResourceManager"]["grade"] == "not checked"


@pytest.mark.cluster
def test_a_keytab_that_others_read(kerberos_cluster: HadoopCluster, tmp_path: Path) -> None:
    copy = tmp_path / "hub.keytab"
    copy.write_bytes(kerberos_cluster.keytab("jupyterhub").read_bytes())
    copy.chmod(0o644)
    options = ["--principal", "jupyterhub", "--keytab", str(copy)]
    findings, code = run_checks(kerberos_cluster, *options)
    assert code == 0
    assert findings["login"]["grade"] == "warning"
    assert findings["login"]["mend"] == f"chmod 400 {copy}"
    assert findings["proxy user"]["grade"] == "not checked"


@pytest.mark.cluster
async def test_a_ticket_or_none(kerberos_cluster: HadoopCluster, tmp_path: Path) -> None:
    findings, code = run_checks(kerberos_cluster)
    assert code == 1
    assert "run kinit" in findings["login"]["what"]
    await kerberos_cluster.kinit("alice", tmp_path / "alice")
    findings, code = run_checks(
        kerberos_cluster, "--user", "alice", cache=f"FILE:{tmp_path / 'alice'}"
    )
    assert code == 0
    assert findings["login"]["grade"] == "warning"
    assert findings["proxy user"]["grade"] == "ok"


@pytest.mark.cluster
def test_a_kdc_that_is_silent(kerberos_cluster: HadoopCluster, tmp_path: Path) -> None:
    realm = Path(kerberos_cluster.variables["KRB5_CONFIG"]).read_text()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        silent = tmp_path / "krb5.conf"
        silent.write_text(re.sub(r"(\bkdc = \S+:)\d+", rf"\g<1>{port}", realm))
        findings, code = run_checks(
            kerberos_cluster, *hub(kerberos_cluster), KRB5_CONFIG=str(silent)
        )
    assert code == 1
    assert "no KDC responded within" in findings["login"]["what"]
