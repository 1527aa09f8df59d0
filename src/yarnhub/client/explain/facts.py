"""What is known of an application and of the cluster that it runs on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from yarnhub.yarn.queues.tree import line_to

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yarnhub.control.messages import Container
    from yarnhub.spec import ApplicationSpec
    from yarnhub.yarn.queues.figures import LeafFigures
    from yarnhub.yarn.records.applications import ApplicationAttemptReport, ApplicationReport
    from yarnhub.yarn.records.cluster import NodeReport, QueueInfo
    from yarnhub.yarn.records.containers import ContainerReport


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterFacts:
    """What is known of the cluster, for any of its applications.

    Attributes:
        root: The root queue with all below it; None where it is not known.
        nodes: All nodes, in any state.
        shared_labels: Labels whose nodes also take what asks for none.
        figures: What the ResourceManager's pages tell of leaf queues, by their paths.
    """

    root: QueueInfo | None
    nodes: tuple[NodeReport, ...]
    shared_labels: frozenset[str]
    figures: Mapping[str, LeafFigures]

    def of(self, facts: ApplicationFacts) -> ApplicationFacts:
        """What is known of one application, together with what is known of its cluster."""
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
    """What is known now; of an application that has ended, its reports alone.

    Attributes:
        report: The application's.
        attempts: The runs of its ApplicationMaster.
        containers: Those that it holds, as YARN sees them.
        queues: Its queue and those above it, from the root down; empty where they are not known.
        figures: What the ResourceManager's pages tell of its queue; None where they do not.
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
    figures: LeafFigures | None = None
    neighbours: tuple[ApplicationReport, ...] = ()
    nodes: tuple[NodeReport, ...] = ()
    shared_labels: frozenset[str] = frozenset()
    instances: tuple[Container, ...] | None = None
    starting: frozenset[str] = frozenset()
    spec: ApplicationSpec | None = None
