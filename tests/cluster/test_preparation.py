"""The folders and files of a cluster before the daemons start."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from cluster.site_inputs import inputs
from yarnhub.cluster.preparation import prepare_folders, write_configuration
from yarnhub.cluster.site.files import site_files
from yarnhub.cluster.state.layout import Layout

if TYPE_CHECKING:
    from pathlib import Path


def test_other_users_of_the_machine_see_no_tokens_and_keys(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    prepare_folders(layout)
    write_configuration(replace(inputs(ha=True), layout=layout), ["nodemanager-1"], tmp_path)
    secret = (
        layout.resource_manager_store,
        layout.zookeeper,
        layout.hdfs,
        layout.node_recovery("nodemanager-1"),
    )
    assert {path: path.stat().st_mode & 0o777 for path in secret} == dict.fromkeys(secret, 0o700)


def test_a_pair_with_kerberos_logs_in_at_zookeeper(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    secure = replace(inputs(ha=True, kerberos=True), layout=layout)
    prepare_folders(layout)
    write_configuration(secure, [], tmp_path)
    properties = site_files(secure)["yarn-site.xml"]
    for name, path in {"auth": layout.zookeeper_auth, "acl": layout.zookeeper_acl}.items():
        assert properties[f"hadoop.zk.{name}"] == f"@{path}"
        assert path.stat().st_mode & 0o777 == 0o600
    scheme, user, password = layout.zookeeper_auth.read_text().split(":")
    assert (scheme, user) == ("digest", "yarn")
    assert password not in layout.zookeeper_acl.read_text()
