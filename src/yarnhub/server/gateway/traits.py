"""The settings of the service: `c.KernelGateway.name = value`, or TOML."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from traitlets import Bool, Dict, Integer, List, Set, Unicode

from yarnhub.base.errors import ConfigurationError, SpecError
from yarnhub.database import limits_setting
from yarnhub.server.configuration import ClusterLogin, TicketLogin, configured
from yarnhub.server.gateway.environment_kernelspecs import check_site
from yarnhub.server.gateway.kernelspec_policy import Audience, KernelspecPolicy
from yarnhub.server.metrics_access import MetricsAccess
from yarnhub.sessions.limited_kinds import KERNELS
from yarnhub.sessions.limits import Limits, limits_from_settings
from yarnhub.sessions.users import SERVICE_ACCOUNTS

if TYPE_CHECKING:
    from traitlets.config import Config

    from yarnhub.sessions.shared_limits import SharedLimits


class KernelGateway(ClusterLogin, MetricsAccess, TicketLogin):
    """The settings of the service. All limits are off by default.

    Idle kernels are culled by Jupyter Server: `c.MappingKernelManager.cull_idle_timeout`.
    """

    ip = Unicode(
        "127.0.0.1",
        help="""The address to listen on. As a service of JupyterHub, the address in the service's
        `url` is used instead.""",
    ).tag(config=True)
    port = Integer(8890, min=0, max=65535, help="The port to listen on; 0 for any.").tag(
        config=True
    )
    base_url = Unicode(
        "/",
        help="""What all paths start with. As a service of JupyterHub, this is
        `/services/<name>/`.""",
    ).tag(config=True)
    certfile = Unicode("", help="The certificate for HTTPS.").tag(config=True)
    keyfile = Unicode("", help="The private key of the certificate.").tag(config=True)
    allow_plain_http = Bool(
        False,  # noqa: FBT003  # traitlets' own
        help="""Whether to listen without HTTPS on addresses other than loopback addresses: anyone
        on the network can then read the users' tokens. Use it only if the network is
        encrypted.""",
    ).tag(config=True)

    folder = Unicode(
        "kernel-gateway",
        help="""The folder with the state of running kernels. It must be on a local disk, private,
        and used by nothing but one service.""",
    ).tag(config=True)
    application_master_host = Unicode(
        "", help="The host name at which containers reach this process. By default this host's."
    ).tag(config=True)

    denied_users = Set(
        Unicode(),
        default_value=SERVICE_ACCOUNTS,
        help="Users of the cluster for whom no kernels are started; case-insensitive.",
    ).tag(config=True)

    user_limit = Dict(
        help="""What each user can hold: `kernels`, `memory` and `vcores`, for example
        `{"kernels": 10, "memory": "64 GiB"}`.""",
    ).tag(config=True)
    user_limits = Dict(help="Limits of certain users instead of `user_limit`, by name.").tag(
        config=True
    )
    group_limits = Dict(
        help="What all members of a group can hold together, by the group's name."
    ).tag(config=True)
    total_limit = Dict(help="What all users can hold together.").tag(config=True)
    limits_database = Unicode(help=limits_setting.HELP).tag(config=True)
    shared_folder = Unicode(
        help="""A directory that all processes of the service share, so that limits apply to what
        users hold at all of them. Not needed if one process runs.""",
    ).tag(config=True)
    connections_per_user = Integer(
        200, min=1, help="The connections to kernels (websockets) that a user can have open."
    ).tag(config=True)
    connections = Integer(
        5000, min=1, help="The connections to kernels that all users can have open."
    ).tag(config=True)

    kernelspec_folders = List(
        Unicode(), help="The folders with kernelspecs. By default Jupyter's own."
    ).tag(config=True)
    kernelspec_audiences = Dict(
        help="""Who can use a kernelspec, by its name or a pattern: `{"spark_*": {"groups":
        ["research"], "users": ["alice"]}}`. Kernelspecs that match no pattern are for all
        users.""",
    ).tag(config=True)
    environments = Bool(
        True,  # noqa: FBT003  # traitlets' own
        help="""Whether the service offers kernels of published environments that contain ipykernel
        or IRkernel, to their owners and to users with whom they are shared.""",
    ).tag(config=True)
    environment_config = Dict(
        help="""The keys of `config` that kernelspecs of environments have in common, for example
        `{"queue": "research", "limits": {"KERNEL_MEMORY": "16 GiB"}}`. An environment's own
        `kernel` has precedence over the resources, up to the `limits`.""",
    ).tag(config=True)
    allowed_env = List(
        Unicode(),
        ["KERNEL_*"],
        help="""The variables of a request that reach a kernel, by name or pattern. A kernelspec's
        `allowed_env` has to allow them as well, unless they start with `KERNEL_`.""",
    ).tag(config=True)

    audit_log = Unicode(
        "", help="The file for the audit log. By default `audit.jsonl` in `folder`."
    ).tag(config=True)

    def limits(self) -> Limits:
        """All limits.

        Raises:
            ConfigurationError: One of them is invalid.
        """
        return limits_from_settings(
            KERNELS,
            "KernelGateway",
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
        return limits_setting.shared_limits("KernelGateway.limits_database", self.limits_database)

    def policy(self) -> KernelspecPolicy:
        """Who can use which kernelspec.

        Raises:
            ConfigurationError: An audience is invalid.
        """
        return KernelspecPolicy(
            {str(name): _audience(name, value) for name, value in self.kernelspec_audiences.items()}
        )

    def check_environment_config(self) -> None:
        """Check `environment_config`.

        Raises:
            ConfigurationError: It is invalid.
        """
        try:
            check_site(self.environment_config)
        except SpecError as error:
            raise ConfigurationError(f"KernelGateway.environment_config: {error}") from error

    @property
    def uses_groups(self) -> bool:
        """Whether each request needs the groups of its user."""
        return any(audience.groups for audience in self.policy().audiences.values())


def read_traits(config: Config) -> KernelGateway:
    """The settings in a configuration.

    Raises:
        ConfigurationError: One of them is invalid.
    """
    traits = configured(KernelGateway, config)
    traits.limits()
    traits.policy()
    traits.check_environment_config()
    return traits


def _audience(name: object, value: Any) -> Audience:
    if (
        not isinstance(value, dict)
        or set(value) - {"users", "groups"}
        or not all(isinstance(each, list | tuple | set | frozenset) for each in value.values())
    ):
        raise ConfigurationError(
            f"KernelGateway.kernelspec_audiences[{name!r}] must have lists 'users' and 'groups', "
            f"not {value!r}"
        )
    return Audience(
        users=frozenset(map(str, value.get("users", ()))),
        groups=frozenset(map(str, value.get("groups", ()))),
    )
