"""Writes the folders and files that the daemons need, before they start."""

from __future__ import annotations

import os
import secrets
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from yarnhub.cluster.hdfs.folders import Folder
from yarnhub.cluster.options import Scheduler
from yarnhub.cluster.ports import ADDRESS, HOST
from yarnhub.cluster.security import container_executor
from yarnhub.cluster.security.certificates import write_certificates
from yarnhub.cluster.security.principals import PROXIES, USERS
from yarnhub.cluster.security.secure_io import write_patched_class
from yarnhub.cluster.site.files import log4j_properties, site_files, site_xml
from yarnhub.cluster.site.kerberos import tls_sites
from yarnhub.cluster.site.key_server import ZONE, key_server_sites
from yarnhub.cluster.site.resource_managers import zookeeper_login, zookeeper_properties
from yarnhub.cluster.site.scheduler import fair_queues
from yarnhub.cluster.wrappers import write_wrappers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from yarnhub.cluster.site.inputs import SiteInputs
    from yarnhub.cluster.state.layout import Layout

SYSTEM_PYTHON = Path("/usr/bin/python3")
WEB_APPLICATIONS = ("datanode", "hdfs", "static")
"""HDFS's daemons require these folders, which are in no jar; they may be empty."""


def prepare_folders(layout: Layout) -> None:
    """Make the folders of the state folder, and delete YARN's files of the previous run.

    Applications do not survive a stop of the cluster, which kills their containers.
    """
    shutil.rmtree(layout.yarn, ignore_errors=True)
    for folder in (layout.conf, layout.logs, layout.hdfs, layout.yarn, layout.temporary):
        folder.mkdir(parents=True, exist_ok=True)
    # Containers of other OS users run on this machine, and these contain tokens and keys.
    for folder in (layout.hdfs, layout.resource_manager_store, layout.zookeeper):
        _make_private(folder)
    for name in WEB_APPLICATIONS:
        (layout.resources / "webapps" / name).mkdir(parents=True, exist_ok=True)


def write_configuration(inputs: SiteInputs, node_managers: Sequence[str], java_home: Path) -> None:
    """Write the site files of clients and daemons, and the wrappers."""
    _write_sites(inputs.layout.conf, inputs, None)
    for daemon in node_managers:
        _write_sites(inputs.layout.node_conf(daemon), inputs, daemon)
        for name in ("local", "logs"):
            (inputs.layout.node(daemon) / name).mkdir(parents=True, exist_ok=True)
        _make_private(inputs.layout.node_recovery(daemon))
    if inputs.options.scheduler is Scheduler.FAIR:
        inputs.layout.fair_scheduler.write_text(fair_queues(), encoding="utf-8")
    if inputs.options.federation:
        inputs.layout.machine_list.write_text(f"{HOST}, yarnhub, /default-rack\n", encoding="ascii")
    if inputs.options.ha or inputs.options.federation:
        properties = zookeeper_properties(inputs)
        inputs.layout.zookeeper_properties.write_text(properties, encoding="utf-8")
    if inputs.options.ha and inputs.options.kerberos:
        _write_zookeeper_login(inputs.layout)
    if inputs.options.tls:
        _write_tls(inputs, node_managers)
    if inputs.options.encryption_zone:
        _write_files(inputs.layout.conf, key_server_sites(inputs))
    write_wrappers(
        inputs.layout, jars=inputs.jars, java_home=java_home, secure=inputs.options.kerberos
    )


def _write_tls(inputs: SiteInputs, node_managers: Sequence[str]) -> None:
    """Write new certificates: all daemons start after it."""
    sites = tls_sites(inputs, write_certificates(inputs.layout, HOST, ADDRESS))
    for folder in (inputs.layout.conf, *map(inputs.layout.node_conf, node_managers)):
        for file, properties in sites.items():
            (folder / file).touch(mode=0o644 if file == "ssl-client.xml" else 0o600)
            (folder / file).write_text(site_xml(properties), encoding="utf-8")


def prepare_shared_files(layout: Layout, jars: Path) -> Path:
    """Write the files that containers of other OS users read; returns their folder of jars.

    Other users cannot enter the cache in the caller's home folder.
    """
    link_jars(jars, layout.jars)
    write_patched_class(layout.jars, layout.resources)
    source = Path(container_executor.__file__).read_text(encoding="utf-8")
    python = SYSTEM_PYTHON if SYSTEM_PYTHON.exists() else Path(sys.executable)
    layout.container_executor.write_text(f"#!{python}\n{source}", encoding="utf-8")
    layout.container_executor.chmod(0o755)
    return layout.jars


def _write_zookeeper_login(layout: Layout) -> None:
    layout.kerberos.mkdir(exist_ok=True)
    texts = zookeeper_login(secrets.token_hex(16))
    for path, text in zip((layout.zookeeper_auth, layout.zookeeper_acl), texts, strict=True):
        path.touch(mode=0o600)
        path.write_text(text, encoding="ascii")


def link_jars(source: Path, target: Path) -> None:
    """Make a folder contain exactly the jars of another one."""
    target.mkdir(exist_ok=True)
    wanted = {path.name for path in source.glob("*.jar")}
    for path in target.iterdir():
        if path.name not in wanted:
            path.unlink()
    for name in wanted:
        if not (target / name).exists():
            _link_or_copy(source / name, target / name)


def _make_private(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # on another file system
        shutil.copyfile(source, target)
    target.chmod(0o644)


def hdfs_folders(user: str, *, zone: bool) -> list[Folder]:
    """The folders that users and YARN need in HDFS, parents first."""
    homes = dict.fromkeys((user, *USERS, *PROXIES))
    return [
        Folder("/tmp", 0o1777, user),  # noqa: S108  # in HDFS
        Folder("/tmp/logs", 0o1777, user),  # noqa: S108  # in HDFS
        Folder("/user", 0o755, user),
        Folder("/yarnhub", 0o755, user),
        Folder("/yarnhub/environments", 0o1777, user),  # where users publish environments
        *([Folder(ZONE, 0o1777, user)] if zone else []),
        *(Folder(f"/user/{name}", 0o755, name) for name in homes),
    ]


def _write_sites(folder: Path, inputs: SiteInputs, node_manager: str | None) -> None:
    _write_files(folder, site_files(inputs, node_manager))
    logs = log4j_properties(inputs, node_manager)
    (folder / "log4j.properties").write_text(logs, encoding="ascii")


def _write_files(folder: Path, files: Mapping[str, Mapping[str, str]]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, properties in files.items():
        (folder / name).write_text(site_xml(properties), encoding="utf-8")
