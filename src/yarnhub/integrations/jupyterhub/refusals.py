"""What users of the hub read when their server is not started."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyterhub.spawner import SpawnException

from yarnhub.base.errors import AccessDeniedError, ApplicationFailedError, SpecError

if TYPE_CHECKING:
    from collections.abc import Collection

    from yarnhub.base.errors import YarnhubError

SYSTEM_USERS = frozenset(
    {
        *("root", "hdfs", "yarn", "mapred", "hadoop", "hive", "hbase", "spark", "zookeeper"),
        *("kafka", "impala", "oozie", "hue", "livy", "knox", "ranger", "kudu", "solr", "tez"),
        *("daemon", "bin", "sys", "nobody", "dr.who"),
    }
)
"""Accounts of services: whoever acts for them owns the cluster."""


class Refusal(SpawnException):
    """A refusal whose words the hub's pages show as they are."""

    @property
    def jupyterhub_message(self) -> str:
        """What pages show; without it they show the class and the status too, or nothing."""
        return str(self.message)


def refuse_user(name: str, owner: str, denied: Collection[str]) -> None:
    """Refuse a cluster user that no server is started for.

    Raises:
        SpawnException: Says whom and why.
    """
    # A name travels in ACLs, folders and principals: YARN knows none with these.
    if not name or any(letter.isspace() or letter in ",/@\\:" for letter in name):
        raise Refusal(
            f"{name!r} cannot be a user of the cluster. You are logged in as {owner!r}; the "
            "administrator maps names by `c.YarnSpawner.cluster_user`.",
            reason="user",
        )
    if name in denied:
        raise Refusal(
            f"No server is started for {name!r}: it is an account of the system's "
            "(`c.YarnSpawner.denied_users`).",
            reason="user",
        )


def refusal(error: YarnhubError) -> SpawnException | None:
    """The answer to who asked for what YARN does not give; None where nobody refused anything."""
    if isinstance(error, SpecError):
        return Refusal(f"Your server cannot be started: {error.reason}.", reason="limit")
    if isinstance(error, ApplicationFailedError):
        return Refusal(f"YARN refused your server: {error.diagnostics or error}", reason="refused")
    if isinstance(error, AccessDeniedError):
        return Refusal(
            f"The hub may not start your server: {error}.", reason="denied", status_code=403
        )
    return None
