"""The configuration of one Dask cluster, with the names of dask-gateway's own backend for YARN."""

from __future__ import annotations

from dask_gateway_server.backends.base import ClusterConfig
from dask_gateway_server.traitlets import Command
from traitlets import Dict, Float, Unicode, default

MAX_WORKERS = 1000
"""Workers of one cluster, if the configuration sets no other limit."""


class YarnClusterConfig(ClusterConfig):
    """The configuration of one Dask cluster on YARN."""

    # distributed 2026.6 has no commands `dask-scheduler` and `dask-worker` any more.
    scheduler_cmd = Command(
        ["python", "-m", "distributed.cli.dask_scheduler"],
        help="The command that starts a Dask scheduler, in a shell.",
        config=True,
    )

    worker_cmd = Command(
        ["python", "-m", "distributed.cli.dask_worker"],
        help="The command that starts a Dask worker, in a shell.",
        config=True,
    )

    queue = Unicode("default", help="The YARN queue of the clusters.", config=True)

    localize_files = Dict(
        help="""The files that YARN puts into the containers, by their names there: a URL such as
        `hdfs:///environments/example.tar.gz`, or a dict with `source` and, for example,
        `visibility`. Archives are unpacked into a directory with the name.
        """,
        config=True,
    )

    cluster_environment = Unicode(
        "",
        help="""The environment of schedulers and workers: `owner/name`, or `name` for the user's
        own, of an environment that is published with `yarnhub env`. It needs dask-gateway, and is
        active before the setup. If empty, `localize_files` and the setup decide.
        """,
        config=True,
    )

    scheduler_setup = Unicode("", help="Shell lines before the scheduler's command.", config=True)

    worker_setup = Unicode("", help="Shell lines before a worker's command.", config=True)

    @default("cluster_max_workers")
    def _default_cluster_max_workers(self) -> int:
        # dask-gateway has no limit, and stores each step of a worker in a transaction of its own.
        limit: int | None = self._worker_limit_from_resources()
        return MAX_WORKERS if limit is None else min(limit, MAX_WORKERS)

    cluster_start_timeout = Float(
        None,
        allow_none=True,
        help="As `c.YarnBackend.cluster_start_timeout`, which is used if both are set.",
        config=True,
    )

    worker_start_timeout = Float(
        None,
        allow_none=True,
        help="As `c.YarnBackend.worker_start_timeout`, which is used if both are set.",
        config=True,
    )
