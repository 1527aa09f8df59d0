"""The ResourceManager, or the pair of ResourceManagers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from yarnhub.base.errors import ConnectError, RemoteProtocolError, StandbyError, YarnhubError
from yarnhub.hadoop.conf import Configuration
from yarnhub.integrations.doctor.finding import error, not_checked, ok, warning

if TYPE_CHECKING:
    from yarnhub.integrations.doctor.deployment import Deployment
    from yarnhub.integrations.doctor.finding import Finding

Version = tuple[int, int, int]

VULNERABILITIES: tuple[tuple[str, Version, Version, str], ...] = (
    ("CVE-2023-26031", (3, 3, 1), (3, 3, 4), "a user of a node can become root there"),
    ("CVE-2021-33036", (3, 0, 0), (3, 1, 4), "the user yarn can become root"),
    ("CVE-2021-33036", (3, 2, 0), (3, 2, 2), "the user yarn can become root"),
    ("CVE-2021-33036", (3, 3, 0), (3, 3, 1), "the user yarn can become root"),
)
"""Known privilege escalations by the container-executor: first and last version, effect."""


async def check(deployment: Deployment) -> Finding:
    """Check that each ResourceManager responds, and find the active one."""
    states: list[str] = []
    active, failed, nodes = None, 0, 0
    for index, address in enumerate(deployment.addresses):
        try:
            async with deployment.resource_manager(index=index) as manager:
                metrics = await manager.get_cluster_metrics()
        except StandbyError:
            states.append(f"{address} is on standby")
        except YarnhubError as failure:
            # A standby ResourceManager opens no port for clients, but it serves its web pages.
            standby = await _is_standby(deployment, index)
            states.append(f"{address} is on standby" if standby else str(failure))
            failed += not standby
        else:
            active = index if active is None else active
            nodes = metrics.num_active_nms
            states.append(f"{address} is active, with {nodes} of {metrics.num_node_managers} nodes")
    text = "; ".join(states)
    if active is None:
        return error(
            text,
            "check that the ResourceManager is running, its address in yarn-site.xml, and the "
            "firewall",
        )
    deployment.active = active
    if not nodes:
        return warning(text, "start the NodeManagers; `yarn node -list -all` shows all nodes")
    if failed:
        return warning(text, "the hub works until the active one fails: start the other one")
    return ok(text)


async def _is_standby(deployment: Deployment, index: int) -> bool:
    """Whether the web page of one of a pair reports that it is on standby."""
    if len(deployment.addresses) == 1:
        return False
    try:
        response = await deployment.get_json("/ws/v1/cluster/info", index)
        return bool(response["clusterInfo"]["haState"] == "STANDBY")
    except (YarnhubError, KeyError, TypeError):
        return False


async def check_version(deployment: Deployment) -> Finding:
    """Check the Hadoop version for known vulnerabilities, and read its own configuration."""
    try:
        version = str(
            (await deployment.get_json("/ws/v1/cluster/info"))["clusterInfo"]["hadoopVersion"]
        )
        response = (await deployment.get_json("/conf"))["properties"]
        values = {each["key"]: each["value"] for each in response}
    except (ConnectError, RemoteProtocolError) as failure:
        return not_checked(str(failure))
    except (KeyError, TypeError) as failure:
        return not_checked(f"{deployment.rm_url} does not show {failure}: is it a ResourceManager?")
    deployment.rm_conf, deployment.rm_source = (
        Configuration(values),
        f"the ResourceManager ({deployment.rm_url}/conf)",
    )
    vulnerabilities = known_vulnerabilities(version)
    if vulnerabilities:
        return warning(
            f"Hadoop {version} at {deployment.rm_url} has {'; '.join(vulnerabilities)}",
            "install a release with the fix, unless your vendor has backported it",
        )
    return ok(f"Hadoop {version} at {deployment.rm_url}: no known privilege escalation")


def known_vulnerabilities(version: str) -> list[str]:
    """The known privilege escalations of a Hadoop version."""
    found = re.match(r"(\d+)\.(\d+)\.(\d+)", version)
    if found is None:
        return []
    numbers = (int(found[1]), int(found[2]), int(found[3]))
    return [
        f"{name} ({what})"
        for name, first, last, what in VULNERABILITIES
        if first <= numbers <= last
    ]
