"""The queues of a cluster in the configuration of each scheduler: pure."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from yarnhub.cluster.options import Scheduler
from yarnhub.cluster.security.principals import YARN_USER

if TYPE_CHECKING:
    from yarnhub.cluster.site.inputs import SiteInputs

QUEUE_SHARES = {
    "root": ({"default": 40, "fruit": 50, "jupyterhub": 10}),
    "root.fruit": ({"apples": 50, "bananas": 30, "oranges": 20}),
}
"""The share of each queue in its parent, in percent."""
_SCHEDULERS = "org.apache.hadoop.yarn.server.resourcemanager.scheduler"


def scheduler_site(inputs: SiteInputs) -> dict[str, str]:
    """The properties of yarn-site.xml for the scheduler."""
    match inputs.options.scheduler:
        case Scheduler.CAPACITY:
            return {
                "yarn.resourcemanager.scheduler.class": f"{_SCHEDULERS}.capacity.CapacityScheduler",
                "yarn.resourcemanager.placement-constraints.handler": "scheduler",
            }
        case Scheduler.FAIR:
            return {
                "yarn.resourcemanager.scheduler.class": f"{_SCHEDULERS}.fair.FairScheduler",
                "yarn.scheduler.fair.allocation.file": str(inputs.layout.fair_scheduler),
                "yarn.scheduler.fair.user-as-default-queue": "false",
                "yarn.scheduler.fair.allow-undeclared-pools": "false",
                # By default, containers are rounded up to whole GiB.
                "yarn.scheduler.increment-allocation-mb": "32",
            }


def capacity_queues() -> dict[str, str]:
    """The properties of capacity-scheduler.xml."""
    prefix = "yarn.scheduler.capacity"
    properties = {
        f"{prefix}.maximum-applications": "10000",
        # A test cluster is small: ApplicationMasters may use most of it.
        f"{prefix}.maximum-am-resource-percent": "0.8",
        f"{prefix}.resource-calculator": (
            "org.apache.hadoop.yarn.util.resource.DominantResourceCalculator"
        ),
        f"{prefix}.node-locality-delay": "-1",
        # By default, everyone may kill all applications, even with ACLs.
        f"{prefix}.root.acl_submit_applications": "*",
        f"{prefix}.root.acl_administer_queue": YARN_USER,
    }
    for parent, children in QUEUE_SHARES.items():
        properties[f"{prefix}.{parent}.queues"] = ",".join(children)
        for child, percent in children.items():
            queue = f"{prefix}.{parent}.{child}"
            properties[f"{queue}.capacity"] = str(percent)
            properties[f"{queue}.maximum-capacity"] = "100"
            properties[f"{queue}.user-limit-factor"] = "10"
    return properties


def fair_queues() -> str:
    """The FairScheduler's allocation file."""
    allocations = ET.Element("allocations")
    ET.SubElement(allocations, "defaultQueueSchedulingPolicy").text = "drf"
    _add_queue(allocations, "root", 1)
    ET.indent(allocations)
    return ET.tostring(allocations, encoding="unicode", xml_declaration=True) + "\n"


def _add_queue(parent: ET.Element, path: str, share: int) -> None:
    queue = ET.SubElement(parent, "queue", name=path.rpartition(".")[2])
    ET.SubElement(queue, "weight").text = str(share)
    if path == "root":
        ET.SubElement(queue, "aclSubmitApps").text = "*"
        ET.SubElement(queue, "aclAdministerApps").text = YARN_USER
    if path not in QUEUE_SHARES:
        ET.SubElement(queue, "maxAMShare").text = "0.8"
    for child, percent in QUEUE_SHARES.get(path, {}).items():
        _add_queue(queue, f"{path}.{child}", percent)
