"""The facts about an application and its cluster."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from yarnhub.yarn.queues.tree import line_to

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yarnhub.control.messages import ServiceContainer
    from yarnhub.spec import ApplicationSpec
    from yarnhub.yarn.queues.scheduler_page import LeafFigures
    from yarnhub.yarn.records.applications import ApplicationAttemptReport, ApplicationReport
    from yarnhub.yarn.records.cluster import NodeReport, QueueInfo
    from yarnhub.yarn.records.containers import ContainerReport


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterFacts:
    """The facts about the cluster, for any of its applications.

    Attributes:
        root: The root queue with all queues below it; None if unknown.
        nodes: All nodes, in any state.
        shared_labels: Labels whose nodes also accept requests without a label.
        figures: The figures of leaf queues, by path.
    """

    root: QueueInfo | None
    nodes: tuple[NodeReport, ...]
    shared_labels: frozenset[str]
    figures: Mapping[str, LeafFigures]

    def of(self, facts: ApplicationFacts) -> ApplicationFacts:
        """Combine the facts about one application with those about its cluster."""
        queues = line_to(self.root, facts.report.queue)
        return replace(
            facts,
            queues=queues,
            figures=self.figures.get(queues[-1].queue_path) if queues else None,
            nodes=self.nodes,
            shared_labels=self.shared_labels,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationFacts:
    """The current facts; about an ended application, only its reports.

    Attributes:
        report: The application's.
        attempts: The runs of its ApplicationMaster.
        containers: Its containers in YARN.
        queues: Its queue and its parents, from the root down; empty if unknown.
        figures: The figures of its queue; None if unknown.
        neighbours: The applications with resources in the same queue, including itself.
        nodes: All nodes, in any state.
        shared_labels: Labels whose nodes also accept requests without a label.
        instances: Its services' containers; None if its ApplicationMaster does not respond.
        starting: Names of containers whose nodes are still fetching files for them.
        spec: Its specification; None if its ApplicationMaster does not respond.
        master_asked: Whether its ApplicationMaster was asked for both.
    """

    report: ApplicationReport
    attempts: tuple[ApplicationAttemptReport, ...] = ()
    containers: tuple[ContainerReport, ...] = ()
    queues: tuple[QueueInfo, ...] = ()
    figures: LeafFigures | None = None
    neighbours: tuple[ApplicationReport, ...] = ()
    nodes: tuple[NodeReport, ...] = ()
    shared_labels: frozenset[str] = frozenset()
    instances: tuple[ServiceContainer, ...] | None = None
    starting: frozenset[str] = frozenset()
    spec: ApplicationSpec | None = None
    master_asked: bool = True
