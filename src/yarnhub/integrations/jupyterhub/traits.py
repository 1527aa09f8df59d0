"""The settings of YarnSpawner, `c.YarnSpawner`, beyond JupyterHub's own."""

from __future__ import annotations

import os
import re
from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit

from jupyterhub.spawner import Spawner
from jupyterhub.traitlets import ByteSpecification, Command
from traitlets import (
    Bool,
    CInt,
    Dict,
    Enum,
    Integer,
    List,
    Set,
    TraitError,
    Unicode,
    Union,
    default,
    validate,
)
from traitlets import Callable as CallableTrait

from yarnhub.base.errors import ConfigurationError
from yarnhub.client.access.settings import Settings
from yarnhub.database import limits_setting
from yarnhub.integrations.jupyterhub.refusals import refuse_user
from yarnhub.sessions.limited_kinds import SERVERS
from yarnhub.sessions.limits import limits_from_settings
from yarnhub.sessions.users import SERVICE_ACCOUNTS

if TYPE_CHECKING:
    from yarnhub.sessions.limits import Limits

_LAST_PORT = 2**16 - 1
_RANGE = re.compile(r"(\d{1,5})-(\d{1,5})")


class WholeNumber(CInt[int, Any]):
    """An integer, or a string that contains one; fractions are refused."""

    info_text = "a whole number"

    def validate(self, obj: Any, value: Any) -> int:  # Any: traitlets' own
        """Refuse fractions."""
        if isinstance(value, float) and not value.is_integer():
            self.error(obj, value)
        number: int = super().validate(obj, value)
        return number


class SpawnerTraits(Spawner):
    """JupyterHub's spawner with the settings of servers on YARN.

    Attributes:
        find_spark: Finds published Spark, see `integrations.spark.servers.find`; `yarnspawner`
            sets it.
    """

    find_spark: ClassVar[Any] = None

    # --- the hub on the cluster

    principal = Unicode(
        None, allow_none=True, help="The Kerberos principal of the hub; requires `keytab`."
    ).tag(config=True)
    keytab = Unicode(
        None, allow_none=True, help="The keytab of `principal`, readable by the hub's user."
    ).tag(config=True)
    cluster_user: Any = CallableTrait(  # Any: traitlets has no type for a callable or None
        None,
        allow_none=True,
        help="""A function that is called with the spawner and returns the user's name on the
        cluster. By default, this is the name in the hub.""",
    ).tag(config=True)
    denied_users = Set(
        Unicode(),
        default_value=SERVICE_ACCOUNTS,
        help="""Users of the cluster for whom no server is started; the names are
        case-insensitive. On a cluster with Kerberos, the hub's own account is always denied.""",
    ).tag(config=True)
    application_master_host = Unicode(
        help="""The host name at which containers can reach this process. By default the host in
        the URL of the hub's API.""",
    ).tag(config=True)

    applications_folder = Unicode(
        "yarn-applications",
        help="""The folder with the state of running servers, which the hub needs after a
        restart, and with the secret by which it recognizes them. It must be on a local disk,
        private, and used by nothing but one hub.""",
    ).tag(config=True)

    # --- what users can have

    user_limit = Dict(
        help="""What each user can hold in all their servers: `servers`, `memory` and `vcores`, for
        example `{'servers': 3, 'memory': '64 GiB'}`. A start that exceeds it is refused.""",
    ).tag(config=True)
    user_limits = Dict(help="Limits of certain users instead of `user_limit`, by name.").tag(
        config=True
    )
    group_limits = Dict(
        help="What all members of a group of the hub can hold together, by the group's name."
    ).tag(config=True)
    total_limit = Dict(help="What all users can hold together.").tag(config=True)
    limits_database = Unicode("", help=limits_setting.HELP).tag(config=True)

    # --- what users choose

    profile_list: Any = Union(  # Any: traitlets has no type for this
        [List(), Dict(), CallableTrait()],
        help="""The profiles that users can choose from: a list, or a function that is called
        with the spawner and returns a list; can be async. The format is KubeSpawner's, with
        `yarn_override` instead of `kubespawner_override`. If empty, there is no choice.""",
    ).tag(config=True)
    choose_queue = Bool(
        False,  # noqa: FBT003  # traitlets' own
        help="""Whether users can choose one of the queues that they may submit to, in profiles
        that do not set a queue.""",
    ).tag(config=True)

    # --- servers

    start_timeout = Integer(
        300, help="Seconds that a server may take to start, including the wait in its queue."
    ).tag(config=True)
    ip = Unicode(
        "",
        help="""The address on which servers listen on their nodes. By default, the addresses to
        which the node's name resolves on the hub's machine. Use `0.0.0.0` for all addresses of
        the node, if the proxy reaches nodes at other addresses.""",
    ).tag(config=True)
    port = Integer(
        0, min=0, max=_LAST_PORT, help="The port of every server; 0 means any free port."
    ).tag(config=True)
    port_range = Unicode(
        "",
        help="""The range of servers' ports, such as `40000-41000`, if a firewall only allows
        these. Each server on a node uses a different port. If empty, any free port is used.""",
    ).tag(config=True)
    application_master = Enum(
        ["hub", "cluster"],
        default_value="hub",
        help="""Where the ApplicationMasters of servers run. With `hub`, a server is one
        container and starts faster, but YARN ends it when no hub has been running for 15
        minutes (`yarn.am.liveness-monitor.expiry-interval-ms`). With `cluster`, a server is two
        containers, and does not need a running hub.""",
    ).tag(config=True)
    queue = Unicode("default", help="The YARN queue for servers.").tag(config=True)
    localize_files = Dict(
        help="""Files to place in a server's folder: a mapping of names to paths, URLs, or files
        as in an application's specification."""
    ).tag(config=True)
    prologue = Unicode(
        "",
        help="Shell commands to run before the server's command, such as activating an "
        "environment.",
    ).tag(config=True)
    epilogue = Unicode("", help="Shell commands to run after the server's command.").tag(
        config=True
    )
    cmd = Command(
        ["python -m yarnspawner.singleuser"],
        allow_none=True,
        help="""The command that runs a server, as shell words. It must end with
        `python -m yarnspawner.singleuser`, which also replaces `jupyterhub-singleuser` and
        `jupyter-labhub`.""",
    ).tag(config=True)
    mem_limit = ByteSpecification(
        "2 G", help="The memory of a server's container, in bytes, or with a suffix K, M, G or T."
    ).tag(config=True)
    cpu_limit = WholeNumber(1, min=1, help="The virtual cores of a server's container.").tag(
        config=True
    )
    script_template = Unicode(
        "{prologue}\n{singleuser_command}\n{epilogue}",
        help="The template of the container's script, with `{prologue}`, `{singleuser_command}` "
        "and `{epilogue}`.",
    ).tag(config=True)

    # --- beyond yarnspawner 0.4

    resource_types = Dict(
        value_trait=WholeNumber(min=0),
        help="Amounts of other resource types, such as `{'yarn.io/gpu': 1}`.",
    ).tag(config=True)
    node_label = Unicode(
        "",
        help="The label of the nodes that servers run on. If empty, the queue's default applies.",
    ).tag(config=True)
    priority = WholeNumber(
        0,
        min=0,
        help="The priority among the applications of the queue; higher numbers are served first.",
    ).tag(config=True)
    application_tags = List(
        Unicode(), help="Tags of the servers' applications on YARN, in addition to the hub's own."
    ).tag(config=True)
    acls = Dict(
        help="""Who, besides the user, can view the application and its logs, and kill it, as in
        a specification. For example `{'enable': True, 'view_groups': ['support']}`."""
    ).tag(config=True)
    grace_period = WholeNumber(
        5, min=0, help="Seconds between asking a server to stop and killing it."
    ).tag(config=True)
    modify_application_hook: Any = CallableTrait(
        None,
        allow_none=True,
        help="""A function that is called with the spawner and the `ApplicationSpec` before the
        submission, and returns the specification to submit; can be async.""",
    ).tag(config=True)

    server_environment = Unicode(
        "",
        help="""The environment that servers run in: `owner/name`, or `name` for the user's own,
        of an environment that is published with `yarnhub env`; the URL of an archive; or the path
        of a folder that all nodes have. It needs jupyterhub and yarnhub, and is active before
        `prologue`. If empty, `prologue` or the nodes' `PATH` decide.""",
    ).tag(config=True)

    spark = Unicode(
        "",
        help="""The version of Spark that kernels of servers use on YARN: `import pyspark` in a
        notebook is all it takes. It is one that `yarnhub spark publish` has published, such as
        `4.3.0`, or `newest`. If empty, servers have no Spark of the hub.""",
    ).tag(config=True)
    spark_root = Unicode(
        "", help="The folder in HDFS with published Spark. By default `/yarnhub/spark`."
    ).tag(config=True)
    spark_settings = Dict(
        value_trait=Unicode(),
        help="""Properties of Spark for servers, such as `{'spark.executor.memory': '4g'}`. What a
        notebook sets has precedence.""",
    ).tag(config=True)

    @default("application_master_host")
    def _hub_host(self) -> str:
        return urlsplit(self.hub_connect_url or self.hub.api_url).hostname or "localhost"

    @default("profile_list")
    def _no_profiles(self) -> list[object]:
        return []

    @validate("port_range")
    def _check_port_range(self, proposal: Any) -> str:  # Any: traitlets' own
        value: str = proposal.value
        found = _RANGE.fullmatch(value)
        if value and not (found and 0 < int(found[1]) <= int(found[2]) <= _LAST_PORT):
            raise TraitError(
                f"c.YarnSpawner.port_range must be two ports, such as 40000-41000, not {value!r}"
            )
        return value

    @property
    def ports(self) -> tuple[int, int]:
        """The first and the last port for servers; 0 means any port."""
        found = _RANGE.fullmatch(self.port_range)
        if self.port or not found:
            return self.port, self.port
        return int(found[1]), int(found[2])

    def limits(self) -> Limits:
        """How much users can hold, by the configuration.

        Raises:
            ConfigurationError: A limit is invalid.
        """
        return limits_from_settings(
            SERVERS,
            "c.YarnSpawner",
            user=self.user_limit,
            users=self.user_limits,
            groups=self.group_limits,
            total=self.total_limit,
        )

    def cluster_user_name(self) -> str:
        """The user's name on the cluster.

        Raises:
            SpawnException: Servers are not started for this user.
        """
        user: str = self.user.name if self.cluster_user is None else self.cluster_user(self)
        refuse_user(user, self.user.name, self.denied_users)
        return user

    def cluster_settings(self) -> Settings:
        """The cluster's configuration, and the hub's login.

        Raises:
            ConfigurationError: The configuration or the login is not valid.
        """
        if bool(self.principal) != bool(self.keytab):
            raise ConfigurationError(
                "c.YarnSpawner.principal and c.YarnSpawner.keytab must be set together"
            )
        credential = None
        if self.keytab and self.principal:
            from yarnhub.hadoop.security.kerberos import Keytab

            credential = Keytab(self.keytab, self.principal)
        # The hub's own environment, such as its service unit's.
        return Settings.from_environment(os.environ, credential)  # noqa: TID251

    # --- required by JupyterHub in each spawner class

    @abstractmethod
    async def start(self) -> str:
        """Start the server; returns its URL."""

    @abstractmethod
    async def stop(self, now: bool = False) -> None:  # noqa: FBT001, FBT002  # JupyterHub's own
        """Stop the server."""

    @abstractmethod
    async def poll(self) -> int | None:
        """None while the server runs, else its exit code."""
