"""The users of the cluster for whom sessions can be started."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from yarnhub.base.errors import SpecError, YarnhubError

if TYPE_CHECKING:
    from collections.abc import Collection

SERVICE_ACCOUNTS = frozenset(
    {
        *("root", "hdfs", "yarn", "mapred", "hadoop", "hive", "hbase", "spark", "zookeeper"),
        *("kafka", "impala", "oozie", "hue", "livy", "knox", "ranger", "kudu", "solr", "tez"),
        *("daemon", "bin", "sys", "nobody", "dr.who"),
    }
)
"""Accounts of a cluster's services: programs that run as one of them can control the cluster."""

_STRANGE = re.compile(
    r"[\s,/@\\:\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\uffa0\ufe00-\ufe0f"
    r"\U000e0100-\U000e01ef]"
)
"""Separators, and invisible characters that Unicode counts among letters and marks."""


class InvalidUserError(YarnhubError):
    """A name that is not valid for a user of a cluster."""


class DeniedUserError(YarnhubError):
    """A user for whom sessions cannot be started."""


class OwnAccountError(SpecError):
    """A session would run as the hub's own user.

    Args:
        name: The hub's name on the cluster.
    """

    def __init__(self, name: str) -> None:
        super().__init__("user", f"{name!r} is the hub's own account on the cluster")


def comparable(name: str) -> str:
    """A name for comparisons: many directories ignore the case and the width of letters."""
    return unicodedata.normalize("NFKC", name).casefold()


def check_user(name: str, denied: Collection[str]) -> None:
    """Check the name of a user.

    Args:
        name: The user's name on the cluster.
        denied: Users for whom sessions cannot be started, in any case and width.

    Raises:
        InvalidUserError: The name is not valid on a cluster.
        DeniedUserError: The user is denied.
    """
    # Names are part of ACLs, paths and principals, so YARN does not accept these characters.
    # Invisible characters make one name look like another.
    if not name or not name.isprintable() or _STRANGE.search(name):
        raise InvalidUserError(f"{name!r} cannot be a user of the cluster")
    if comparable(name) in set(map(comparable, denied)):
        raise DeniedUserError(f"{name!r} is denied")
