"""What a server holds, which counts for the limits of its user from its start to its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from yarnhub.integrations.jupyterhub.server_request import SERVICE
from yarnhub.sessions.limits import Held, Size

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jupyterhub.spawner import Spawner

    from yarnhub.sessions.limits import Limits
    from yarnhub.spec import ApplicationSpec

_STATE = "held"


class ServerSize:
    """What a server holds, also in a hub that has been restarted.

    Args:
        spawner: The server's.
    """

    def __init__(self, spawner: Spawner) -> None:
        self._spawner = spawner
        self._size = Size()
        self.state: dict[str, Any] = {}
        """What a restarted hub needs, in the spawner's state."""

    def accept(self, spec: ApplicationSpec, limits: Limits, held: Iterable[Held]) -> None:
        """Accept the start of the server; nothing may be awaited until it is counted.

        Args:
            spec: What is going to be submitted.
            limits: How much users can hold.
            held: What users hold without it.

        Raises:
            LimitReachedError: A limit would be exceeded.
        """
        resources = spec.services[SERVICE].resources
        size = Size(memory=resources.memory * 2**20, vcores=resources.vcores)
        limits.check(held, self.held.owner, self.held.groups, size)
        self._size = size
        self.state = {_STATE: {"memory": size.memory, "vcores": size.vcores}}

    def load(self, state: dict[str, Any]) -> None:
        """Restore what was kept in the spawner's state; hubs of former versions kept nothing."""
        self.state = {_STATE: state[_STATE]} if _STATE in state else {}
        usual = {
            "memory": self._spawner.mem_limit or 0,
            "vcores": int(self._spawner.cpu_limit or 0),
        }
        self._size = Size(**self.state.get(_STATE, usual))

    @property
    def name(self) -> tuple[str, str]:
        """The names of the user and of the server."""
        return self._spawner.user.name, self._spawner.name

    @property
    def held(self) -> Held:
        """What its user holds with it."""
        user = self._spawner.user
        groups = frozenset(each.name for each in user.groups)
        return Held(owner=user.name, groups=groups, size=self._size)
