"""The cluster's users for whom sessions are started: which names are accepted."""

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
"""Accounts of a cluster's services: a program that runs as one of them controls the cluster."""

_STRANGE = re.compile(
    r"[\s,/@\\:\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\uffa0\ufe00-\ufe0f"
    r"\U000e0100-\U000e01ef]"
)
"""Separators, and what is invisible though Unicode counts it among letters and marks."""


class InvalidUserError(YarnhubError):
    """A name that no user of a cluster has."""


class DeniedUserError(YarnhubError):
    """A user for whom no session is started."""


class OwnAccountError(SpecError):
    """A session would run as the hub itself.

    Args:
        name: The hub's name on the cluster.
    """

    def __init__(self, name: str) -> None:
        super().__init__("user", f"{name!r} is the hub's own account on the cluster")


def comparable(name: str) -> str:
    """A name as it is compared: many directories ignore the case and the width of letters."""
    return unicodedata.normalize("NFKC", name).casefold()


def check_user(name: str, denied: Collection[str]) -> None:
    """Accept a cluster user, or not.

    Args:
        name: The user's on the cluster.
        denied: Users for whom no session is started, in any case and width.

    Raises:
        InvalidUserError: No user of a cluster has such a name.
        DeniedUserError: The user is denied.
    """
    # A name is part of ACLs, paths and principals: YARN accepts none with these characters. What
    # cannot be seen makes one name look like another.
    if not name or not name.isprintable() or _STRANGE.search(name):
        raise InvalidUserError(f"{name!r} cannot be a user of the cluster")
    if comparable(name) in set(map(comparable, denied)):
        raise DeniedUserError(f"{name!r} is denied")
