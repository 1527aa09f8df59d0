"""Whose kernels there are, and what each user holds."""

from __future__ import annotations

import contextlib
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from yarnhub.sessions.limits import NOTHING, Held, Size

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


_STATES = ("starting", "idle", "busy", "restarting", "dead")


@dataclass(frozen=True, slots=True, kw_only=True)
class Owned:
    """Whose kernel one is.

    Attributes:
        owner: The user's name.
        cluster_user: Who it runs as.
        size: What the kernel holds.
    """

    owner: str
    cluster_user: str
    size: Size


class Owners:
    """Whose kernels there are.

    Args:
        manager: jupyter_server's kernel manager.
        recorded: Finds whose kernel one is that an earlier process has started.

    Attributes:
        elsewhere: What users hold that the manager does not have; called with the users' groups.
        owner_elsewhere: The owner of such a kernel, by its id; empty if there is none.
        started: What a kernel's process has started itself, by the kernel's id.
        is_ending: Whether a kernel that the manager had has not ended yet, by its id.
        are_ending: Whether kernels of a user, by name, have been shut down and have not ended yet.
    """

    def __init__(
        self,
        manager: Any,  # jupyter_server's managers have no types
        recorded: Callable[[str], Owned | None] = lambda _: None,
    ) -> None:
        self._manager = manager
        self._recorded = recorded
        self.elsewhere: Callable[[Mapping[str, frozenset[str]]], list[Held]] = lambda _: []
        self.owner_elsewhere: Callable[[str], str] = lambda _: ""
        self.started: Callable[[str], Size] = lambda _: NOTHING
        self.is_ending: Callable[[str], bool] = lambda _: False
        self.are_ending: Callable[[str], bool] = lambda _: False
        self._known: dict[str, Owned] = {}
        """Of the kernels that this process has started."""
        self._starting = Counter[str]()
        """How many requests start each kernel, or restart it."""

    @contextlib.contextmanager
    def starting(self, kernel_id: str, owned: Owned) -> Iterator[None]:
        """While a kernel is started: it belongs to its owner, and counts, from the first moment.

        An error in the block undoes that.
        """
        before = self._known.get(kernel_id)
        self._known[kernel_id] = owned
        self._starting[kernel_id] += 1
        try:
            yield
        except BaseException:
            self._known.pop(kernel_id, None)
            if before is not None:
                self._known[kernel_id] = before
            raise
        finally:
            self._starting -= Counter((kernel_id,))

    def find(self, kernel_id: str) -> Owned | None:
        """Whose kernel one is; None if there is no such kernel."""
        if kernel_id not in self._manager and kernel_id not in self._starting:
            self._known.pop(kernel_id, None)
            return None
        return self._known.get(kernel_id) or self._recorded(kernel_id)

    def is_taken(self, kernel_id: str) -> bool:
        """Whether there is such a kernel, of any user."""
        return self.is_managed(kernel_id) or bool(self.owner_elsewhere(kernel_id))

    def is_managed(self, kernel_id: str) -> bool:
        """Whether the manager has such a kernel, or one is being started."""
        return kernel_id in self._manager or kernel_id in self._starting

    def all(self) -> dict[str, Owned]:
        """All kernels that exist or are being started, by id."""
        found = {
            kernel_id: owned
            for kernel_id in [*self._manager.list_kernel_ids(), *self._starting]
            if (owned := self.find(kernel_id)) is not None
        }
        self._known = {
            kernel_id: owned for kernel_id, owned in self._known.items() if kernel_id in found
        }
        return found

    def held(self, groups: Mapping[str, frozenset[str]]) -> list[Held]:
        """What each user holds; dead kernels hold nothing.

        Args:
            groups: The groups of users, by name.
        """
        sizes: dict[str, Size] = {}
        started: dict[str, Size] = {}
        for kernel_id, owned in self.all().items():
            if kernel_id in self._starting or not self.is_dead(kernel_id):
                owner = owned.owner
                sizes[owner] = sizes.get(owner, NOTHING) + owned.size
                started[owner] = started.get(owner, NOTHING) + self.started(kernel_id)
        return [
            Held(
                owner=owner,
                groups=groups.get(owner, frozenset()),
                size=size,
                started=started[owner],
            )
            for owner, size in sizes.items()
        ] + self.elsewhere(groups)

    def total(self) -> Size:
        """What all users hold, with what their kernels have started."""
        return sum((each.size + each.started for each in self.held({})), NOTHING)

    def usage(self, kernel_id: str) -> Size:
        """What a kernel of the manager holds, with what its process has started."""
        owned = self.find(kernel_id)
        if owned is None or (kernel_id not in self._starting and self.is_dead(kernel_id)):
            return NOTHING
        return owned.size + self.started(kernel_id)

    def states(self) -> list[str]:
        """The states of all kernels: some of `_STATES`, or `unknown`."""
        states = map(self._state, self.all())
        return [state if state in _STATES else "unknown" for state in states]

    def is_dead(self, kernel_id: str) -> bool:
        """Whether a kernel of the manager holds nothing any more.

        Kernels publish their states themselves: only the application says whether it has ended.
        """
        container = getattr(self._manager.get_kernel(kernel_id), "container", None)
        if container is not None and container.kernel is not None:
            return bool(container.is_dead)
        return self._state(kernel_id) == "dead"

    def _state(self, kernel_id: str) -> str:
        if kernel_id not in self._manager:
            return "starting"
        return getattr(self._manager.get_kernel(kernel_id), "execution_state", "") or "starting"
