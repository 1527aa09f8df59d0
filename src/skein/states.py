"""What applications, containers, nodes and queues may be."""

from __future__ import annotations

from yarnhub.base.names import Name


class ApplicationState(Name):
    """How far an application is."""

    NEW = "NEW"
    NEW_SAVING = "NEW_SAVING"
    SUBMITTED = "SUBMITTED"
    ACCEPTED = "ACCEPTED"
    RUNNING = "RUNNING"
    FINISHED = "FINISHED"
    FAILED = "FAILED"
    KILLED = "KILLED"


class FinalStatus(Name):
    """How an application ended; UNDEFINED until it has."""

    SUCCEEDED = "SUCCEEDED"
    KILLED = "KILLED"
    FAILED = "FAILED"
    UNDEFINED = "UNDEFINED"


class ContainerState(Name):
    """How far a service's container is."""

    WAITING = "WAITING"
    REQUESTED = "REQUESTED"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    KILLED = "KILLED"


class NodeState(Name):
    """How a node is."""

    NEW = "NEW"
    RUNNING = "RUNNING"
    UNHEALTHY = "UNHEALTHY"
    DECOMMISSIONED = "DECOMMISSIONED"
    LOST = "LOST"
    REBOOTED = "REBOOTED"
    DECOMMISSIONING = "DECOMMISSIONING"
    SHUTDOWN = "SHUTDOWN"


class QueueState(Name):
    """Whether a queue takes applications; one that drains counts as STOPPED."""

    RUNNING = "RUNNING"
    STOPPED = "STOPPED"
