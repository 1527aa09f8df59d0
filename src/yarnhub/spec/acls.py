"""Permissions to view and modify an application."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from yarnhub.spec import _reading as read

if TYPE_CHECKING:
    from collections.abc import Sequence

# YARN reads an ACL as "user,user group,group": a space or comma would change the permissions.
_names = read.sequence(read.matching(r"[^\s,]+", "one name without spaces and commas"))


@dataclass(frozen=True, slots=True, kw_only=True)
class ACLs(read.Element):
    """Permissions to view and modify an application; the name `*` means everyone.

    Attributes:
        enable: Whether the lists apply. The owner and the cluster's administrators always have
            access.
        view_users: Users who may view the application and its logs.
        view_groups: Groups with the same permission.
        modify_users: Users who may kill and move it.
        modify_groups: Groups with the same permission.
        ui_users: Users who may open the application's own web pages.
    """

    enable: bool = False
    view_users: Sequence[str] = ()
    view_groups: Sequence[str] = ()
    modify_users: Sequence[str] = ()
    modify_groups: Sequence[str] = ()
    ui_users: Sequence[str] = ()

    checks: ClassVar[read.Checks] = {
        "enable": read.flag,
        "view_users": _names,
        "view_groups": _names,
        "modify_users": _names,
        "modify_groups": _names,
        "ui_users": _names,
    }

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
