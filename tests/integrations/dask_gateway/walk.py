"""What a user types: `python walk.py ADDRESS PROXY_ADDRESS AUTH`; prints what there was as JSON."""

from __future__ import annotations

import json
import os
import pwd
import sys
import time
import urllib.request
from typing import Any

from dask_gateway import Gateway
from dask_gateway.auth import BasicAuth


def main() -> None:
    """Walk through a cluster's life."""
    address, proxy_address, named = sys.argv[1:]
    auth = BasicAuth("alice") if named == "basic" else named
    gateway = Gateway(address, proxy_address=proxy_address, auth=auth)
    seen: dict[str, Any] = {"at first": gateway.list_clusters()}
    began = time.perf_counter()
    cluster = gateway.new_cluster()
    seen["listed"] = [each.name for each in gateway.list_clusters()] == [cluster.name]
    client = cluster.get_client()
    seen["answer, s"] = time.perf_counter() - began
    cluster.scale(2)
    client.wait_for_workers(2, timeout=120)
    seen["workers, s"] = time.perf_counter() - began
    seen["users"] = sorted(client.run(user).values())
    info = client.scheduler_info(n_workers=-1)["workers"].values()
    seen["threads"] = [each["nthreads"] for each in info]
    seen["memory limits"] = [each["memory_limit"] for each in info]
    seen["spilled to"] = list(client.run(folder).values())
    seen["sum"] = sum(client.gather(client.map(square, range(100))))
    with urllib.request.urlopen(cluster.dashboard_link) as answer:
        seen["dashboard"] = answer.status
    cluster.adapt(minimum=1, maximum=3)
    cluster.scale(0)
    until(lambda: not client.scheduler_info(n_workers=-1)["workers"])
    client.close()
    cluster.shutdown()
    until(lambda: not gateway.list_clusters())
    seen["at last"] = gateway.list_clusters()
    json.dump(seen, sys.stdout)


def user() -> str:
    """Whose process a worker is."""
    return pwd.getpwuid(os.getuid()).pw_name


def folder(dask_worker: Any) -> str:
    """Where a worker spills to."""
    return str(dask_worker.local_directory)


def square(number: int) -> int:
    """What the workers compute."""
    return number * number


def until(condition: Any, seconds: float = 60) -> None:
    """Wait for something."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.1)


if __name__ == "__main__":
    main()
