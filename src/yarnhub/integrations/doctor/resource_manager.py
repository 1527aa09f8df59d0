"""The ResourceManager, or each of a pair."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from yarnhub.base.errors import ConnectError, RemoteProtocolError, StandbyError, YarnhubError
from yarnhub.hadoop.conf import Configuration
from yarnhub.integrations.doctor.finding import error, not_checked, ok, warning

if TYPE_CHECKING:
    from yarnhub.integrations.doctor.deployment import Site
    from yarnhub.integrations.doctor.finding import Finding

Version = tuple[int, int, int]

HOLES: tuple[tuple[str, Version, Version, str], ...] = (
    ("CVE-2023-26031", (3, 3, 1), (3, 3, 4), "a user of a node can become root there"),
    ("CVE-2021-33036", (3, 0, 0), (3, 1, 4), "the user yarn can become root"),
    ("CVE-2021-33036", (3, 2, 0), (3, 2, 2), "the user yarn can become root"),
    ("CVE-2021-33036", (3, 3, 0), (3, 3, 1), "the user yarn can become root"),
)
"""Known ways to root through the container-executor: first and last version, and what happens."""


async def check(site: Site) -> Finding:
    """Whether each answers, and which is active."""
    said: list[str] = []
    active, failed, nodes = None, 0, 0
    for index, address in enumerate(site.addresses):
        try:
            async with site.resource_manager(index=index) as manager:
                metrics = await manager.get_cluster_metrics()
        except StandbyError:
            said.append(f"{address} is on standby")
        except YarnhubError as failure:
            # Hadoop's opens no port for clients before it is active; its pages are there.
            standby = await _stands_by(site, index)
            said.append(f"{address} is on standby" if standby else str(failure))
            failed += not standby
        else:
            active = index if active is None else active
            nodes = metrics.num_active_nms
            said.append(f"{address} is active, with {nodes} of {metrics.num_node_managers} nodes")
    words = "; ".join(said)
    if active is None:
        return error(
            words,
            "check that the ResourceManager is running, its address in yarn-site.xml, and the "
            "firewall",
        )
    site.active = active
    if not nodes:
        return warning(words, "start the NodeManagers; `yarn node -list -all` says more")
    if failed:
        return warning(words, "the hub works until the active one fails: start the other one")
    return ok(words)


async def _stands_by(site: Site, index: int) -> bool:
    """Whether one of a pair says on its page that it stands by."""
    if len(site.addresses) == 1:
        return False
    try:
        told = await site.ask_page("/ws/v1/cluster/info", index)
        return bool(told["clusterInfo"]["haState"] == "STANDBY")
    except (YarnhubError, KeyError, TypeError):
        return False


async def check_version(site: Site) -> Finding:
    """What Hadoop it is, and whether that has known holes; learns its own configuration, too."""
    try:
        version = str((await site.ask_page("/ws/v1/cluster/info"))["clusterInfo"]["hadoopVersion"])
        told = (await site.ask_page("/conf"))["properties"]
        values = {each["key"]: each["value"] for each in told}
    except (ConnectError, RemoteProtocolError) as failure:
        return not_checked(str(failure))
    except (KeyError, TypeError) as failure:
        return not_checked(f"{site.page} tells no {failure}: is it a ResourceManager?")
    site.rules, site.rules_from = Configuration(values), f"the ResourceManager ({site.page}/conf)"
    holes = known_holes(version)
    if holes:
        return warning(
            f"Hadoop {version} at {site.page} has {'; '.join(holes)}",
            "install a release with the fix, unless your vendor has backported it",
        )
    return ok(f"Hadoop {version} at {site.page}: no known privilege escalation")


def known_holes(version: str) -> list[str]:
    """The known ways to root of a version of Hadoop."""
    found = re.match(r"(\d+)\.(\d+)\.(\d+)", version)
    if found is None:
        return []
    numbers = (int(found[1]), int(found[2]), int(found[3]))
    return [f"{name} ({what})" for name, first, last, what in HOLES if first <= numbers <= last]
