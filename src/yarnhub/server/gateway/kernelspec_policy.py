"""Which kernelspecs a user can see and start; no I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Audience:
    """Who can use a kernelspec: these users, and the members of these groups."""

    users: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class KernelspecPolicy:
    """Which kernelspecs a user can see and start.

    Attributes:
        audiences: By name or pattern, such as `spark_*`. A user must be in the audience of each
            pattern that matches a name. A kernelspec that matches none is available to all.
    """

    audiences: Mapping[str, Audience] = field(default_factory=dict)

    def allows(self, name: str, user: str, groups: frozenset[str]) -> bool:
        """Whether a user can use a kernelspec; Jupyter finds them by names in any case."""
        return all(
            user in audience.users or bool(groups & audience.groups)
            for pattern, audience in self.audiences.items()
            if fnmatchcase(name.lower(), pattern.lower())
        )
