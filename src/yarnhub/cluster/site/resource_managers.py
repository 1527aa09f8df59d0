"""The site files of a cluster with a pair of ResourceManagers, and ZooKeeper's configuration.

Pure, like `yarnhub.cluster.site.files`.
"""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING

from yarnhub.cluster.daemon_names import resource_manager_id, resource_managers
from yarnhub.cluster.ports import ADDRESS, HOST, ZOOKEEPER
from yarnhub.cluster.security.principals import YARN_USER

if TYPE_CHECKING:
    from yarnhub.cluster.site.inputs import SiteInputs

SESSION_TIMEOUT_MS = 4000
"""Milliseconds without a heartbeat after which a ResourceManager's session expires.

A failover after a kill -9 takes as long. Hadoop's 10 s are long for tests; with less than this, a
ResourceManager that waits for a core on a busy machine loses its session.
"""


def resource_manager_pair_site(inputs: SiteInputs) -> dict[str, str]:
    """The properties of yarn-site.xml that the pair adds or replaces."""
    ids = [resource_manager_id(daemon) for daemon in resource_managers(ha=True)]
    hosts = {f"yarn.resourcemanager.hostname.{name}": HOST for name in ids}
    # Everyone on this machine can connect to ZooKeeper, and the store contains tokens and keys.
    secrets = {
        "hadoop.zk.auth": f"@{inputs.layout.zookeeper_auth}",
        "hadoop.zk.acl": f"@{inputs.layout.zookeeper_acl}",
    }
    return (
        (secrets if inputs.options.kerberos else {})
        | hosts
        | {
            "yarn.resourcemanager.ha.enabled": "true",
            "yarn.resourcemanager.ha.rm-ids": ",".join(ids),
            "yarn.resourcemanager.cluster-id": f"yarnhub-{inputs.options.name}",
            "yarn.resourcemanager.store.class": (
                "org.apache.hadoop.yarn.server.resourcemanager.recovery.ZKRMStateStore"
            ),
            "hadoop.zk.address": f"{HOST}:{inputs.ports[ZOOKEEPER]}",
            "hadoop.zk.timeout-ms": str(SESSION_TIMEOUT_MS),
        }
    )


def zookeeper_login(password: str) -> tuple[str, str]:
    """The contents of the files in `hadoop.zk.auth` and `hadoop.zk.acl`.

    Source: org.apache.zookeeper.server.auth.DigestAuthenticationProvider.
    """
    name = f"{YARN_USER}:{password}"
    digest = base64.b64encode(hashlib.sha1(name.encode()).digest()).decode()  # noqa: S324
    return f"digest:{name}", f"digest:{YARN_USER}:{digest}:rwcda"


def zookeeper_properties(inputs: SiteInputs) -> str:
    """The configuration file of a single ZooKeeper server."""
    properties = {
        "clientPort": inputs.ports[ZOOKEEPER],
        "clientPortAddress": ADDRESS,
        "dataDir": inputs.layout.zookeeper,
        # The shortest possible session is two ticks.
        "tickTime": SESSION_TIMEOUT_MS // 4,
        "maxClientCnxns": 0,
        "admin.enableServer": "false",
        # What YARN stores is deleted at the next start: it need not survive the machine.
        "forceSync": "no",
        "preAllocSize": 1024,
    }
    return "".join(f"{name}={value}\n" for name, value in properties.items())
