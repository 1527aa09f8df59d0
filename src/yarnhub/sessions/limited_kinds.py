"""The kinds of things that are limited."""

from __future__ import annotations

from yarnhub.sessions.limits import Kind

_OR_ASK = "or ask an administrator for a higher limit."

SERVERS = Kind(
    one="server",
    many="servers",
    advice=f"Stop a server that is no longer needed, {_OR_ASK}",
)
KERNELS = Kind(
    one="kernel",
    many="kernels",
    advice=f"Shut down a kernel that is no longer needed, {_OR_ASK}",
    started="Spark sessions",
    started_advice="Stop a Spark session (`spark.stop()`) or shut down a kernel that is no longer "
    "needed, and try again after ten seconds.",
)
CLUSTERS = Kind(
    one="cluster",
    many="clusters",
    cores="cores",
    advice=f"Shut down a cluster that is no longer needed, {_OR_ASK}",
)
BUILDS = Kind(
    one="build",
    many="builds",
    advice=f"Wait until a build has ended, cancel one, {_OR_ASK}",
)
