"""How much users and groups can hold of one kind of thing; pure, with refusals as sentences."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from yarnhub.base.errors import ConfigurationError, YarnhubError
from yarnhub.base.units import MiB, format_memory, parse_memory

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What is limited, as settings and sentences call it.

    Attributes:
        one: The name of one.
        many: The name of several; the key of their number in settings, too.
        cores: The name of virtual cores.
        advice: What a user can do who has reached a limit: a sentence.
        started: The name of what they start themselves and what counts with them; empty if they
            start nothing.
        started_advice: The advice if that is in use.
    """

    one: str
    many: str
    cores: str = "vcores"
    advice: str
    started: str = ""
    started_advice: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """What one or several things hold.

    Attributes:
        memory: Bytes.
        vcores: Virtual cores.
        count: Number of things.
    """

    memory: int = 0
    vcores: int = 0
    count: int = 1

    def __add__(self, other: Size) -> Size:
        return Size(
            memory=self.memory + other.memory,
            vcores=self.vcores + other.vcores,
            count=self.count + other.count,
        )


NOTHING = Size(count=0)
_QUANTITIES = ("count", "memory", "vcores")
_ASK = "Ask an administrator for a higher limit."


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """The most that can be held, or held besides what is; None is no limit.

    Attributes:
        count: Number of things.
        memory: Bytes.
        vcores: Virtual cores.
    """

    count: int | None = None
    memory: int | None = None
    vcores: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What one user holds.

    Attributes:
        owner: The user's name.
        groups: The user's groups.
        size: Of all that the user has.
        started: What `Kind.started` holds besides.
    """

    owner: str
    groups: frozenset[str] = frozenset()
    size: Size
    started: Size = NOTHING


class Scope(enum.StrEnum):
    """Whether a limit is for one or for several."""

    USER = "user"
    """One user, instead of the limit of each user."""
    EACH_USER = "each-user"
    """Each user who has no limit of their own."""
    GROUP = "group"
    """All members of a group together."""
    ALL = "all"
    """All users together."""

    @property
    def is_named(self) -> bool:
        """Whether it is for a user or a group with a name."""
        return self in (Scope.USER, Scope.GROUP)


@dataclass(frozen=True, slots=True)
class Whom:
    """Whom a limit is for.

    Attributes:
        scope: Whether it is for one or for several.
        name: The user's or the group's; empty otherwise.
    """

    scope: Scope
    name: str = ""


class LimitReachedError(YarnhubError):
    """A limit would be exceeded; the message names it and what is in use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits of all users for one kind of thing.

    Attributes:
        kind: What is limited.
        user: Of each user who is not in `users`.
        users: Of certain users, by name.
        groups: Of all members of a group together, by the group's name.
        total: Of all users together.
    """

    kind: Kind
    user: Limit = field(default=Limit())
    users: Mapping[str, Limit] = field(default_factory=dict)
    groups: Mapping[str, Limit] = field(default_factory=dict)
    total: Limit = field(default=Limit())

    def changed(self, entries: Mapping[Whom, Limit]) -> Limits:
        """These limits with some replaced, each as a whole, or added."""
        users, groups, found = dict(self.users), dict(self.groups), self
        for whom, limit in entries.items():
            match whom.scope:
                case Scope.USER:
                    users[whom.name] = limit
                case Scope.GROUP:
                    groups[whom.name] = limit
                case Scope.EACH_USER:
                    found = replace(found, user=limit)
                case Scope.ALL:
                    found = replace(found, total=limit)
        return replace(found, users=users, groups=groups)

    def check(
        self,
        held: Iterable[Held],
        owner: str,
        groups: frozenset[str],
        size: Size,
        *,
        advice: str = "",
    ) -> None:
        """Accept something more.

        Args:
            held: What users hold, the owner included.
            owner: Who wants more.
            groups: The owner's.
            size: How much more; its `count` is 0 if something grows that is held already.
            advice: What the owner can do instead of the kind's own advice.

        Raises:
            LimitReachedError: A limit would be exceeded.
        """
        for limit, used, started, whose in self._uses(list(held), owner, groups):
            for what in _QUANTITIES:
                allowed, in_use = getattr(limit, what), getattr(used, what)
                wanted = getattr(size, what)
                if allowed is None or not wanted or in_use + wanted <= allowed:
                    continue
                if not allowed:
                    none = self._amount(what, 0)
                    raise LimitReachedError(f"The limit of the {whose} is {none}. {_ASK}")
                part, usual = "", self.kind.advice
                if amount := getattr(started, what):
                    yours = "your " if whose.startswith("user ") else ""
                    part = f" ({yours}{self.kind.started} use {self._amount(what, amount)})"
                    usual = self.kind.started_advice
                raise LimitReachedError(
                    f"This {self.kind.one} would exceed the limit of the {whose}: "
                    f"{self._amount(what, in_use)} of {self._amount(what, allowed)} in use{part}, "
                    f"and it needs {self._amount(what, wanted)}{'' if size.count else ' more'}. "
                    f"{advice or usual}"
                )

    def room(
        self, held: Iterable[Held], owner: str, groups: frozenset[str], size: Size
    ) -> int | None:
        """How often `check` would accept a size, one after the other; None for no limit."""
        rooms = [
            max(0, getattr(limit, what) - getattr(used, what)) // getattr(size, what)
            for limit, used, *_ in self._uses(list(held), owner, groups)
            for what in _QUANTITIES
            if getattr(limit, what) is not None and getattr(size, what)
        ]
        return min(rooms, default=None)

    def left(self, held: Iterable[Held], owner: str, groups: frozenset[str]) -> Limit:
        """How much more a user can hold; negative if a limit is exceeded."""
        uses = list(self._uses(list(held), owner, groups))

        def least(what: str) -> int | None:
            return min(
                (
                    getattr(limit, what) - getattr(used, what)
                    for limit, used, *_ in uses
                    if getattr(limit, what) is not None
                ),
                default=None,
            )

        return Limit(count=least("count"), memory=least("memory"), vcores=least("vcores"))

    def _uses(
        self, users: list[Held], owner: str, groups: frozenset[str]
    ) -> Iterable[tuple[Limit, Size, Size, str]]:
        """The limits that apply to a user, what is in use of each, and whose it is.

        What is in use includes the part that was `started`, which comes third.
        """
        own = [each for each in users if each.owner == owner]
        yield self.users.get(owner, self.user), *_sums(own), f"user {owner}"
        for name in sorted(groups & self.groups.keys()):
            members = [each for each in users if name in each.groups]
            yield self.groups[name], *_sums(members), f"group {name}"
        yield self.total, *_sums(users), "service"

    def _amount(self, what: str, number: int) -> str:
        if what == "memory":
            return format_memory(MiB(-(-number // 2**20)))
        name = self.kind.cores
        if what == "count":
            return f"{number} {self.kind.one if number == 1 else self.kind.many}"
        return f"{number} {name.removesuffix('s') if number == 1 else name}"


def _sums(held: Sequence[Held]) -> tuple[Size, Size]:
    """What some hold in all, and the part of it that was started."""
    started = sum((each.started for each in held), NOTHING)
    return sum((each.size for each in held), started), started


def limits_from_settings(
    kind: Kind,
    prefix: str,
    *,
    user: Mapping[str, object],
    users: Mapping[str, object],
    groups: Mapping[str, object],
    total: Mapping[str, object],
) -> Limits:
    """The limits that an administrator has set.

    A limit has the keys `kind.many`, `memory` (as in `64 GiB`) and `kind.cores`, all optional.

    Args:
        kind: What is limited.
        prefix: What the settings' names begin with; for errors.
        user: The setting `user_limit`.
        users: The setting `user_limits`: limits by a user's name.
        groups: The setting `group_limits`: limits by a group's name.
        total: The setting `total_limit`.

    Raises:
        ConfigurationError: One of them is invalid.
    """

    def by_name(setting: str, value: Mapping[str, object]) -> dict[str, Limit]:
        return {
            str(name): _limit(kind, f"{prefix}.{setting}[{name!r}]", each)
            for name, each in value.items()
        }

    return Limits(
        kind=kind,
        user=_limit(kind, f"{prefix}.user_limit", user),
        users=by_name("user_limits", users),
        groups=by_name("group_limits", groups),
        total=_limit(kind, f"{prefix}.total_limit", total),
    )


def _limit(kind: Kind, setting: str, value: object) -> Limit:
    keys = (kind.many, "memory", kind.cores)
    if not isinstance(value, dict) or set(value) - set(keys):
        names = "{!r}, {!r} and {!r}".format(*keys)
        raise ConfigurationError(f"{setting} must have the keys {names}, not {value!r}")
    try:
        memory = value.get("memory")
        return Limit(
            count=_number(value.get(kind.many)),
            memory=None if memory is None else parse_memory(memory) * 2**20,
            vcores=_number(value.get(kind.cores)),
        )
    except ValueError as error:
        raise ConfigurationError(f"{setting}: {error}") from error


def _number(value: object) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"{value!r} is not a whole number")
    return value
