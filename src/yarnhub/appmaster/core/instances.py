"""One container of a service, from the wish for it to its end."""

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
"""Of an instance's number: Python refuses to read very long ones."""


@dataclass(frozen=True, slots=True)
class Instance:
    """An instance of a service, as it is recorded: see `records`."""

    service: str
    number: int
    state: ContainerState
    env: dict[str, str] = field(default_factory=dict)
    container: Container | None = None
    start_time: float | None = None
    finish_time: float | None = None
    outcome: Outcome | None = field(default=None, metadata=OMIT_DEFAULT)
    """How it ended; of one that was asked to end, how it is to."""
    exit_message: str = field(default="", metadata=OMIT_DEFAULT)
    """What earlier versions recorded in place of `outcome`."""
    initial: bool = False
    """Whether the application began with it, or it replaces one with which it did."""
    ready: bool = False
    """Whether it is what its service's `ready` says; it stays so until it ends."""
    stopping: bool = False
    """Whether it was asked to end and has not yet."""
    delay: float = 0.0
    """Seconds that it was started later than the end of the one it replaces."""
    due: float | None = None
    """When something is to be done: the start of one that waits, the kill of one that was asked
    to end, a look at the port of one that runs."""

    def __post_init__(self) -> None:
        if self.exit_message:
            object.__setattr__(self, "outcome", Outcome.of_message(self.exit_message))
            object.__setattr__(self, "exit_message", "")

    @property
    def id(self) -> str:
        """`<service>_<instance>`, the name that users know it by."""
        return f"{self.service}_{self.number}"

    def report(self) -> messages.ServiceContainer:
        """As clients see it."""
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
    """Instances as clients see them, in the order given."""
    return tuple(
        instance.report() for instance in instances if states is None or instance.state in states
    )
