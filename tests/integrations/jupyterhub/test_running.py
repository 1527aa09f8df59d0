"""What is known of a server, and what its user reads of its end."""

from __future__ import annotations

from typing import Any

import pytest

from yarnhub.control.messages import Container, ContainerState
from yarnhub.integrations.jupyterhub.running import End, Sight, lost

MEMORY = (
    "Exit code -104: it used more memory than it asked for: "
    "ask for more memory in the specification."
)


def container(instance: int, state: ContainerState, **changes: Any) -> Container:
    return Container(service_name="jupyterhub", instance=instance, state=state, **changes)


def test_a_sight_of_containers() -> None:
    waiting = container(0, ContainerState.REQUESTED)
    assert Sight.of([waiting], "full") == Sight(waits_for="full")
    runs = container(
        0, ContainerState.RUNNING, yarn_container_id="c", yarn_node_http_address="node:8042"
    )
    assert Sight.of([runs], "full") == Sight(node="node", container="c")


def test_another_container_is_not_the_same_server() -> None:
    first = container(0, ContainerState.FAILED, exit_message="preempted")
    assert lost([container(1, ContainerState.RUNNING), first]) == "preempted"
    assert not lost([container(0, ContainerState.RUNNING)])
    assert not lost([container(0, ContainerState.REQUESTED)])


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (
            f"Failure in service jupyterhub: jupyterhub_0 ended. {MEMORY} YARN says: [2026] pid 7",
            "Exit code -104: it used more memory than it asked for: start it with more memory.",
        ),
        ("", "YARN does not say why"),
        ("Killed by user request.", "Killed by user request."),
    ],
)
def test_an_end_in_words(said: str, reason: str) -> None:
    assert End(1, said).reason == reason
