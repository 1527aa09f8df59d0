"""The users of a cluster and, with Kerberos, the principals of its daemons."""

from __future__ import annotations

import re

from yarnhub.cluster.ports import HOST

REALM = "YARNHUB.TEST"
USERS = ("alice", "bob")
"""Users with a home directory in HDFS; with Kerberos, also with a keytab and an OS account."""
ALIASES = {"asmith": "alice"}
"""Principals that `auth_to_local` maps to other users."""
PROXIES = ("jupyterhub", "dask")
"""Services that may act for `USERS` only."""
HDFS_USER = "hdfs"
YARN_USER = "yarn"
ADMINISTRATORS = (HDFS_USER, YARN_USER)
"""The users of Hadoop's daemons with Kerberos; they have keytabs for tests."""
SERVICES = {"nn": HDFS_USER, "dn": HDFS_USER, "rm": YARN_USER, "nm": YARN_USER}
"""The daemons' principals are SERVICE/localhost; each is mapped to one of Hadoop's users."""
WEB_SERVICE = "HTTP"


def principal(service: str) -> str:
    """The principal of a daemon."""
    return f"{service}/{HOST}@{REALM}"


def auth_to_local() -> str:
    """The rules that map principals to users."""
    rules = [
        f"RULE:[2:$1/$2@$0]({principal(service)})s/.*/{user}/" for service, user in SERVICES.items()
    ]
    rules += [f"RULE:[1:$1@$0]({name}@{REALM})s/.*/{user}/" for name, user in ALIASES.items()]
    # Containers have no krb5.conf, and so not the default realm that the rule DEFAULT needs.
    rules.append(f"RULE:[1:$1@$0](.*@{re.escape(REALM)})s/@.*//")
    return "\n".join([*rules, "DEFAULT"])
