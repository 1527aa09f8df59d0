"""Who may see and change an application."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from yarnhub.spec._reading import Element, checked, flag, matching, sequence

if TYPE_CHECKING:
    from collections.abc import Sequence

# YARN reads an ACL as "user,user group,group": a blank or comma would change who is let in.
_names = checked(sequence(matching(r"[^\s,]+", "one name without blanks and commas")))


@dataclass(frozen=True, slots=True, kw_only=True)
class ACLs(Element):
    """Who may see and change an application; `*` among the names is everybody.

    Attributes:
        enable: Whether the lists apply. The owner and the cluster's administrators are always
            let in.
        view_users: Users who may see the application and its logs.
        view_groups: Groups who may.
        modify_users: Users who may kill and move it.
        modify_groups: Groups who may.
        ui_users: Users who may open the application's own web pages.
    """

    enable: bool = field(default=False, metadata=checked(flag))
    view_users: Sequence[str] = field(default=(), metadata=_names)
    view_groups: Sequence[str] = field(default=(), metadata=_names)
    modify_users: Sequence[str] = field(default=(), metadata=_names)
    modify_groups: Sequence[str] = field(default=(), metadata=_names)
    ui_users: Sequence[str] = field(default=(), metadata=_names)

    @property
    def view_acl(self) -> str:
        """The VIEW_APP list as YARN reads it."""
        return _acl(self.view_users, self.view_groups)

    @property
    def modify_acl(self) -> str:
        """The MODIFY_APP list as YARN reads it."""
        return _acl(self.modify_users, self.modify_groups)


def _acl(users: Sequence[str], groups: Sequence[str]) -> str:
    return "*" if "*" in (*users, *groups) else f"{','.join(users)} {','.join(groups)}"
