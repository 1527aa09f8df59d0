"""What is known of an application and of the cluster that it runs on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from yarnhub.control.messages import Container
    from yarnhub.spec import ApplicationSpec
    from yarnhub.yarn.records.applications import ApplicationAttemptReport, ApplicationReport
    from yarnhub.yarn.records.cluster import NodeReport, QueueInfo
    from yarnhub.yarn.records.containers import ContainerReport


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is known now; of an application that has ended, its reports alone.

    Attributes:
        report: The application's.
        attempts: The runs of its ApplicationMaster.
        containers: Those that it holds, as YARN sees them.
        queues: Its queue and those above it, from the root down; empty where they are not known.
        neighbours: The applications that hold something in the same queue, itself included.
        nodes: All nodes, in any state.
        shared_labels: Labels whose nodes also take what asks for none.
        instances: Its services' containers; None where its ApplicationMaster does not tell.
        starting: Names of containers whose nodes are still fetching files for them.
        spec: Its specification; None where its ApplicationMaster does not tell.
    """

    report: ApplicationReport
    attempts: tuple[ApplicationAttemptReport, ...] = ()
    containers: tuple[ContainerReport, ...] = ()
    queues: tuple[QueueInfo, ...] = ()
    neighbours: tuple[ApplicationReport, ...] = ()
    nodes: tuple[NodeReport, ...] = ()
    shared_labels: frozenset[str] = frozenset()
    instances: tuple[Container, ...] | None = None
    starting: frozenset[str] = frozenset()
    spec: ApplicationSpec | None = None
