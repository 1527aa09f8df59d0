"""The settings of the service: `c.KernelGateway.name = value`, or TOML."""

from __future__ import annotations

import difflib
import tomllib
from typing import TYPE_CHECKING, Any

from traitlets import Any as AnyTrait
from traitlets import Bool, Dict, Integer, List, Set, TraitError, Unicode
from traitlets.config import Config, Configurable
from traitlets.config.loader import PyFileConfigLoader

from yarnhub.base.errors import ConfigurationError
from yarnhub.base.units import parse_memory
from yarnhub.server.gateway.kernelspec_policy import Audience, KernelspecPolicy
from yarnhub.server.gateway.limits import Limit, Limits
from yarnhub.sessions.users import SERVICE_ACCOUNTS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class KernelGateway(Configurable):
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
    principal = Unicode(
        "",
        help="""The service's Kerberos principal, on a cluster with Kerberos. YARN has to allow it
        to act for users.""",
    ).tag(config=True)
    keytab = Unicode("", help="The keytab of `principal`.").tag(config=True)

    spnego_keytab = Unicode(
        "",
        help="""The keytab with the key of `HTTP/<host>`. If set, users can authenticate with
        Kerberos tickets.""",
    ).tag(config=True)
    spnego_host = Unicode(
        "", help="The host name in the principal `HTTP/<host>`. By default this host's."
    ).tag(config=True)
    cluster_user: Any = AnyTrait(  # Any: traitlets has no type for a callable
        None,
        allow_none=True,
        help="""A function that is called with a user's name and returns the user's name on the
        cluster. By default, both are the same.""",
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
    allowed_env = List(
        Unicode(),
        ["KERNEL_*"],
        help="""The variables of a request that reach a kernel, by name or pattern. A kernelspec's
        `allowed_env` has to allow them as well, unless they start with `KERNEL_`.""",
    ).tag(config=True)

    audit_log = Unicode(
        "", help="The file for the audit log. By default `audit.jsonl` in `folder`."
    ).tag(config=True)
    metrics_token_file = Unicode(
        "",
        help="""A file with the token for `/metrics`. Without it, metrics are only available on
        this host.""",
    ).tag(config=True)

    def limits(self) -> Limits:
        """All limits.

        Raises:
            ConfigurationError: One of them is invalid.
        """
        return Limits(
            user=_limit("user_limit", self.user_limit),
            users=_limits("user_limits", self.user_limits),
            groups=_limits("group_limits", self.group_limits),
            total=_limit("total_limit", self.total_limit),
        )

    def policy(self) -> KernelspecPolicy:
        """Who can use which kernelspec.

        Raises:
            ConfigurationError: An audience is invalid.
        """
        return KernelspecPolicy(
            {str(name): _audience(name, value) for name, value in self.kernelspec_audiences.items()}
        )

    @property
    def uses_groups(self) -> bool:
        """Whether users' groups have to be known."""
        audiences = self.policy().audiences.values()
        return bool(self.group_limits) or any(audience.groups for audience in audiences)


def read_config(path: Path | None) -> Config:
    """The configuration in a file: Python, or TOML if its name ends with `.toml`.

    Args:
        path: The file; None for no configuration.

    Raises:
        ConfigurationError: It cannot be read, or has an unknown setting.
    """
    if path is None:
        return Config()
    try:
        if path.suffix == ".toml":
            config = Config(tomllib.loads(path.read_text("utf-8")))
        else:
            config = PyFileConfigLoader(path.name, path=str(path.absolute().parent)).load_config()
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from error
    except Exception as error:  # of any kind: it is a program
        raise ConfigurationError(f"{path} is not valid: {type(error).__name__}: {error}") from error
    known = KernelGateway.class_trait_names(config=True)
    for name in config.get("KernelGateway", {}):
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise ConfigurationError(f"{path}: KernelGateway has no setting {name!r}{hint}")
    return config


def read_traits(config: Config) -> KernelGateway:
    """The settings in a configuration.

    Raises:
        ConfigurationError: One of them is invalid.
    """
    try:
        traits = KernelGateway(config=config)
    except TraitError as error:
        raise ConfigurationError(f"The configuration is not valid: {error}") from error
    traits.limits()
    traits.policy()
    return traits


def _limits(setting: str, value: Mapping[str, Any]) -> dict[str, Limit]:
    return {str(name): _limit(f"{setting}[{name!r}]", each) for name, each in value.items()}


def _limit(setting: str, value: Any) -> Limit:
    if not isinstance(value, dict) or set(value) - {"kernels", "memory", "vcores"}:
        raise ConfigurationError(
            f"KernelGateway.{setting} must have the keys 'kernels', 'memory' and 'vcores', not "
            f"{value!r}"
        )
    try:
        memory = value.get("memory")
        return Limit(
            kernels=_count(value.get("kernels")),
            memory=None if memory is None else parse_memory(memory) * 2**20,
            vcores=_count(value.get("vcores")),
        )
    except ValueError as error:
        raise ConfigurationError(f"KernelGateway.{setting}: {error}") from error


def _count(value: Any) -> int | None:
    if value is not None and (not isinstance(value, int) or value < 0):
        raise ValueError(f"{value!r} is not a whole number")
    return value


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
