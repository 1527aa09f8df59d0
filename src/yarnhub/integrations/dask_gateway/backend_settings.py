"""The settings of dask-gateway's server: `c.YarnBackend.name = value`."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from dask_gateway_server.backends.base import ClusterConfig
from dask_gateway_server.backends.db_base import DBBackendBase
from dask_gateway_server.traitlets import Type
from traitlets import Bool, Dict, Float, Integer, List, Set, Unicode, default

from yarnhub.database import limits_setting
from yarnhub.integrations.dask_gateway.cluster_config import YarnClusterConfig
from yarnhub.sessions.limited_kinds import CLUSTERS
from yarnhub.sessions.limits import limits_from_settings
from yarnhub.sessions.users import SERVICE_ACCOUNTS

if TYPE_CHECKING:
    from yarnhub.sessions.limits import Limits
    from yarnhub.sessions.shared_limits import SharedLimits

_START = 600.0
"""Seconds for a scheduler or a worker to report."""


class YarnBackendSettings(DBBackendBase):
    """The settings of a `YarnBackend`, with the names of dask-gateway's own where it has any."""

    cluster_config_class = Type(
        f"{YarnClusterConfig.__module__}.{YarnClusterConfig.__name__}",
        klass=ClusterConfig,
        help="The class of a cluster's configuration.",
        config=True,
    )

    principal = Unicode(
        None,
        allow_none=True,
        config=True,
        help="The Kerberos principal of this server, for example `dask`.",
    )

    keytab = Unicode(
        None, allow_none=True, config=True, help="The path of the file with the principal's key."
    )

    app_client_cache_max_size = Integer(
        10, config=True, help="Accepted, and not used: there are no such clients."
    )

    applications_folder = Unicode(
        "yarn-applications",
        config=True,
        help="""The directory in which this server keeps what it needs to hold its applications
        again after a restart. Only its owner can read it. Back it up with the database.
        """,
    )

    host = Unicode(
        config=True,
        help="The host name at which containers reach this server; by default, this machine's.",
    )

    cluster_start_timeout = Float(
        config=True,
        help="""Seconds for a scheduler to report after YARN has allocated its container, 600 by
        default. The time before that does not count.
        """,
    )

    worker_start_timeout = Float(
        config=True,
        help="The same for a worker.",
    )

    user_limit = Dict(
        config=True,
        help="""What each user can hold in all their clusters: `clusters`, `memory` and `cores`,
        for example `{"clusters": 2, "memory": "64 GiB"}`. Without it, as much as YARN gives.
        """,
    )

    user_limits = Dict(
        config=True, help="Limits of certain users instead of `user_limit`, by name."
    )

    group_limits = Dict(
        config=True,
        help="""What all members of a group can hold together, by the group's name. Groups are those
        that the authenticator knows.
        """,
    )

    total_limit = Dict(config=True, help="What all users can hold together.")

    limits_database = Unicode(config=True, help=limits_setting.HELP)

    denied_users = Set(
        Unicode(),
        default_value=SERVICE_ACCOUNTS,
        config=True,
        help="""Users of the cluster who cannot have Dask clusters; the names are
        case-insensitive. The server's own account cannot have any either.
        """,
    )

    user_record_limit = Integer(
        1000,
        min=1,
        config=True,
        help="""Clusters of one user, running or ended, that the server keeps in memory and in the
        database. It forgets ended ones after `c.DBBackendBase.db_cluster_max_age` seconds.
        """,
    )

    file_systems = List(
        Unicode(),
        config=True,
        help="""URLs of file systems, such as `s3a://environments`, from which an option for
        `localize_files` can name files, besides the file systems in the Hadoop configuration.
        """,
    )

    proxy_serves_dashboards = Bool(
        True,  # noqa: FBT003  # traitlets' own
        help="""Whether dask-gateway's proxy serves dashboards, to everybody who knows the name of a
        cluster.""",
    )

    @default("host")
    def _default_host(self) -> str:
        return socket.gethostname()

    @default("api_url")
    def _default_api_url(self) -> str:
        address, _, port = self.proxy.address.rpartition(":")
        host = self.host if address in {"", "0.0.0.0"} else address  # noqa: S104  # it is compared
        scheme = "https" if self.proxy.tls_cert else "http"
        return f"{scheme}://{host}:{port}{self.proxy.prefix}/api"

    @default("cluster_start_timeout")
    def _default_cluster_start_timeout(self) -> float:
        return self._of_cluster_config("cluster_start_timeout")

    @default("worker_start_timeout")
    def _default_worker_start_timeout(self) -> float:
        return self._of_cluster_config("worker_start_timeout")

    def _of_cluster_config(self, name: str) -> float:
        # dask-gateway's page on Hadoop sets them there, where they had no effect.
        return float(getattr(YarnClusterConfig(parent=self), name) or _START)

    @default("stop_clusters_on_shutdown")
    def _default_stop_clusters_on_shutdown(self) -> bool:
        # With a database on disk, the next server finds them again.
        in_memory: bool = self.db_url in {"sqlite://", "sqlite:///:memory:"}
        return in_memory

    def limits(self) -> Limits:
        """The limits of users and groups.

        Raises:
            ConfigurationError: One of them is invalid.
        """
        return limits_from_settings(
            CLUSTERS,
            "YarnBackend",
            user=self.user_limit,
            users=self.user_limits,
            groups=self.group_limits,
            total=self.total_limit,
        )

    def shared_limits(self) -> SharedLimits:
        """What administrators have set instead, or besides.

        Raises:
            ConfigurationError: `limits_database` is invalid.
        """
        return limits_setting.shared_limits("YarnBackend.limits_database", self.limits_database)
