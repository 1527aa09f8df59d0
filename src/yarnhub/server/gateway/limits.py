"""How much users and groups can hold in all their kernels; pure, with refusals as sentences."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from yarnhub.base.errors import YarnhubError
from yarnhub.base.units import MiB, format_memory

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """What kernels hold.

    Attributes:
        memory: Bytes.
        vcores: Virtual cores.
        kernels: Their number.
    """

    memory: int = 0
    vcores: int = 0
    kernels: int = 1

    def __add__(self, other: Size) -> Size:
        return Size(
            memory=self.memory + other.memory,
            vcores=self.vcores + other.vcores,
            kernels=self.kernels + other.kernels,
        )


NOTHING = Size(kernels=0)
_SHUT_DOWN = "Shut down a kernel that is no longer needed."
_WAIT = "A kernel that was shut down is still ending: try again in a few seconds."


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """The most that can be held; None is no limit.

    Attributes:
        kernels: Number of kernels.
        memory: Bytes.
        vcores: Virtual cores.
    """

    kernels: int | None = None
    memory: int | None = None
    vcores: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What one user holds.

    Attributes:
        owner: The user's name.
        groups: The user's groups.
        size: Of all of the user's kernels.
    """

    owner: str
    groups: frozenset[str] = frozenset()
    size: Size


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits of all users.

    Attributes:
        user: Of each user who is not in `users`.
        users: Of certain users, by name.
        groups: Of all members of a group together, by the group's name.
        total: Of all users together.
    """

    user: Limit = field(default=Limit())
    users: Mapping[str, Limit] = field(default_factory=dict)
    groups: Mapping[str, Limit] = field(default_factory=dict)
    total: Limit = field(default=Limit())

    def check(
        self,
        held: Iterable[Held],
        owner: str,
        groups: frozenset[str],
        size: Size,
        *,
        ending: bool = False,
    ) -> None:
        """Accept one more kernel.

        Args:
            held: What users hold, the owner included.
            owner: Who wants the kernel.
            groups: The owner's.
            size: The kernel's.
            ending: Whether a kernel of the owner, among those held, is being shut down.

        Raises:
            LimitReachedError: A limit would be exceeded.
        """
        advice = _WAIT if ending else _SHUT_DOWN
        users = list(held)
        own = self.users.get(owner, self.user)
        sizes = (each.size for each in users if each.owner == owner)
        _check(own, sizes, size, f"user {owner}", advice)
        for name in sorted(groups & self.groups.keys()):
            sizes = (each.size for each in users if name in each.groups)
            _check(self.groups[name], sizes, size, f"group {name}", advice)
        _check(self.total, (each.size for each in users), size, "service", advice)


class LimitReachedError(YarnhubError):
    """A kernel would exceed a limit; the message names the limit and what is in use."""


def _check(limit: Limit, sizes: Iterable[Size], size: Size, whose: str, advice: str) -> None:
    used = sum(sizes, NOTHING)
    for what, allowed, in_use, wanted in _quantities(limit, used, size):
        if in_use + wanted <= allowed:
            continue
        raise LimitReachedError(
            f"This kernel would exceed the limit of the {whose}: {_amount(what, in_use)} of "
            f"{_amount(what, allowed)} in use, and it needs {_amount(what, wanted)}. {advice}"
        )


def _quantities(limit: Limit, used: Size, size: Size) -> Iterator[tuple[str, int, int, int]]:
    for what in ("kernels", "memory", "vcores"):
        allowed: int | None = getattr(limit, what)
        if allowed is not None:
            yield what, allowed, getattr(used, what), getattr(size, what)


def _amount(what: str, number: int) -> str:
    if what == "memory":
        return format_memory(MiB(-(-number // 2**20)))
    return f"{number} {what[:-1] if number == 1 else what}"
