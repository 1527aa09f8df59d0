"""The site files of a cluster with a pair of NameNodes.

Pure, like `yarnhub.cluster.site.files`. Both are on one host and share their edits in a folder.
There is no election: the cluster makes one of them active.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from yarnhub.cluster.daemon_names import name_node_id, name_nodes
from yarnhub.cluster.ports import NAMESERVICE

if TYPE_CHECKING:
    from yarnhub.cluster.site.inputs import SiteInputs

_HA = "org.apache.hadoop.hdfs.server.namenode.ha"


def name_node_pair_site(inputs: SiteInputs) -> dict[str, str]:
    """The properties of hdfs-site.xml that the pair adds or replaces."""
    ids = {daemon: name_node_id(daemon) for daemon in name_nodes(ha=True)}
    folders = {
        f"dfs.namenode.name.dir.{NAMESERVICE}.{name}": inputs.layout.name_folder(daemon).as_uri()
        for daemon, name in ids.items()
    }
    return folders | {
        "dfs.nameservices": NAMESERVICE,
        f"dfs.ha.namenodes.{NAMESERVICE}": ",".join(ids.values()),
        f"dfs.client.failover.proxy.provider.{NAMESERVICE}": (
            f"{_HA}.ConfiguredFailoverProxyProvider"
        ),
        "dfs.namenode.shared.edits.dir": inputs.layout.shared_edits.as_uri(),
        # The delay of the standby one.
        "dfs.ha.log-roll.period": "1",
        "dfs.ha.tail-edits.period": "1",
        "dfs.ha.fencing.methods": "shell(/bin/true)",
    }
