"""Access control lists of HDFS: the users and groups with permissions of their own.

Source: the Hadoop documentation, "HDFS Permissions Guide", on ACLs; AclEntry.java.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_ENTRIES = 28
"""Users and groups in a list: HDFS allows 32 entries, of which it needs four itself
(AclTransformation.MAX_ENTRIES)."""
_Kind = Literal["user", "group", "other"]
_Symbols = Literal["---", "--x", "-w-", "-wx", "r--", "r-x", "rw-", "rwx"]
_SYMBOLS: tuple[_Symbols, ...] = ("---", "--x", "-w-", "-wx", "r--", "r-x", "rw-", "rwx")


class AclKind(enum.Enum):
    """Who an entry is for; the value is HDFS's word."""

    USER = "user"
    GROUP = "group"


@dataclass(frozen=True, slots=True)
class AclEntry:
    """The permission of one user or group, in addition to the owner and the file's group.

    Attributes:
        kind: Whether it is for a user or a group.
        name: The name of the user or group.
        permission: The bits 4 (read), 2 (write) and 1 (execute, enter).
    """

    kind: AclKind
    name: str
    permission: int

    def masked(self, mode: int) -> AclEntry:
        """What it allows: with a list, the group's bits of a mode are the most that any allows."""
        return AclEntry(self.kind, self.name, self.permission & mode >> 3)


def access_entries(permission: int, acl: Iterable[AclEntry]) -> list[tuple[_Kind, str, _Symbols]]:
    """A whole list in HDFS's words: kind, name and permission, with the entries that it requires.

    Args:
        permission: The bits of owner, group and others.
        acl: The users and groups.
    """
    return [
        ("user", "", _symbols(permission >> 6)),
        ("group", "", _symbols(permission >> 3)),
        ("other", "", _symbols(permission)),
        *(
            ("user" if each.kind is AclKind.USER else "group", each.name, _symbols(each.permission))
            for each in acl
        ),
    ]


def named_entries(found: Iterable[tuple[str, str, str]], mode: int) -> tuple[AclEntry, ...]:
    """The entries for users and groups of a list in HDFS's words, with what they allow.

    Args:
        found: Kind, name and permission of entries; default entries are not among them.
        mode: The permission bits of the file.
    """
    kinds = {each.value: each for each in AclKind}
    return ordered(
        AclEntry(kinds[kind], name, _bits(permission)).masked(mode)
        for kind, name, permission in found
        if name and kind in kinds
    )


def ordered(acl: Iterable[AclEntry]) -> tuple[AclEntry, ...]:
    """The entries for users and then those for groups, by name."""
    return tuple(sorted(acl, key=lambda each: (each.kind is AclKind.GROUP, each.name)))


def _symbols(bits: int) -> _Symbols:
    return _SYMBOLS[bits & 7]


def _bits(symbols: str) -> int:
    return sum(4 >> place for place, letter in enumerate("rwx") if letter in symbols)
