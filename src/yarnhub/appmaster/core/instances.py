"""One container of a service, from its request to its end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from yarnhub.control import messages
from yarnhub.control.json import OMIT_DEFAULT
from yarnhub.control.messages import ContainerState  # noqa: TC001  # read when it is recorded
from yarnhub.control.outcomes import Outcome
from yarnhub.control.words import describe
from yarnhub.yarn.records.containers import Container  # noqa: TC001  # as above

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_DIGITS = 18
"""The maximum number of digits of an instance's number: Python refuses very long ones."""


@dataclass(frozen=True, slots=True)
class Instance:
    """An instance of a service, as recorded: see `records`."""

    service: str
    number: int
    state: ContainerState
    env: dict[str, str] = field(default_factory=dict)
    container: Container | None = None
    start_time: float | None = None
    finish_time: float | None = None
    outcome: Outcome | None = field(default=None, metadata=OMIT_DEFAULT)
    """How it ended; for one that is being terminated, how it will end."""
    exit_message: str = field(default="", metadata=OMIT_DEFAULT)
    """Recorded by earlier versions instead of `outcome`."""
    initial: bool = False
    """Whether the application started with it, or it replaces such an instance."""
    ready: bool = False
    """Whether it has fulfilled its service's `ready`; stays true until it ends."""
    stopping: bool = False
    """Whether it is being terminated."""
    delay: float = 0.0
    """Seconds between the end of the instance that it replaces and its start."""
    due: float | None = None
    """When its next action is due: its start, its kill after the grace period, or a check of its
    port."""

    def __post_init__(self) -> None:
        if self.exit_message:
            object.__setattr__(self, "outcome", Outcome.of_message(self.exit_message))
            object.__setattr__(self, "exit_message", "")

    @property
    def id(self) -> str:
        """`<service>_<instance>`, its name for users."""
        return f"{self.service}_{self.number}"

    def report(self) -> messages.ServiceContainer:
        """The instance in the protocol's form."""
        return messages.ServiceContainer(
            service_name=self.service,
            instance=self.number,
            state=self.state,
            yarn_container_id=str(self.container.id) if self.container else "",
            yarn_node_http_address=self.container.node_http_address if self.container else "",
            start_time=self.start_time,
            finish_time=self.finish_time,
            exit_message=describe(self.outcome) if self.outcome else "",
            outcome=self.outcome,
            ready=self.ready,
        )


def reports(
    instances: Iterable[Instance], states: tuple[ContainerState, ...] | None
) -> tuple[messages.ServiceContainer, ...]:
    """Instances in the protocol's form, in the given order."""
    return tuple(
        instance.report() for instance in instances if states is None or instance.state in states
    )
