"""A scheduler on a node whose route to the internet is not the cluster's network."""

from __future__ import annotations

from typing import Any

from distributed import utils
from distributed.cli.dask_scheduler import main

UNREACHABLE = "192.0.2.7"
"""TEST-NET-1 of RFC 5737: nothing answers there."""
of_route = utils._get_ip


def of_node(host: str, port: int, family: Any) -> str:
    """The address by which a node reaches a host."""
    return UNREACHABLE if host == "8.8.8.8" else str(of_route(host, port, family))


utils._get_ip = of_node
if __name__ == "__main__":
    main()
