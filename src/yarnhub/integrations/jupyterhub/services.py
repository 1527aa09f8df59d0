"""yarnhub's services in the configuration of a hub, which starts them; no I/O."""

from __future__ import annotations

import copy
import ipaddress
import sys
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from traitlets.config.loader import LazyConfigValue

from yarnhub.base.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    Config = Any  # of traitlets, which has no types
    Entry = dict[str, Any]  # of `c.JupyterHub.services` or `load_roles`

VARIABLES = (
    *("HADOOP_CONF_DIR", "YARN_CONF_DIR", "HADOOP_HOME", "HADOOP_USER_NAME"),
    *("KRB5_CONFIG", "KRB5CCNAME", "SKEIN_CONFIG", "YARNHUB_PYTHON", "YARNHUB_CA_FILE"),
    *("JUPYTER_PATH", "JUPYTER_DATA_DIR", "JUPYTER_CONFIG_DIR", "JUPYTER_CONFIG_PATH"),
    *("HOME", "TMPDIR", "TZ", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "SSL_CERT_FILE"),
)
"""Variables of the hub's process that its services get, too; JupyterHub adds `PATH` and others."""

_START_TIMEOUT = 60
"""Seconds for a service to respond; the hub ends if it does not."""
_PROXY_ADDRESS = ":8786"
_ACCESS = "access:services"
_OF_USERS = ("self",)
_OF_SERVERS = ("users:activity!user", "access:servers!server")
"""What JupyterHub gives users and the tokens of servers; a role of that name replaces it."""
_GROUPS = ("read:users:name", "read:users:groups")
_SQLITE = ("sqlite", "sqlite+aiosqlite")
_DATABASE = "sqlite:///platform.sqlite"
_LIMITED = ("YarnSpawner", "KernelGateway", "YarnBackend")
"""The sections with `limits_database`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    """One of the services.

    Attributes:
        port: Its port, unless its settings have another one.
        login: The section with `principal` and `keytab`.
        names: The section with `cluster_user`.
        denied: The sections with `denied_users`.
        of_groups: Settings of `login` for which the service looks up users' groups at the hub.
        is_for_servers: Whether users' notebook servers use it with their own tokens.
        entry: More of its entry in `c.JupyterHub.services`.
        settings: Settings of `login` that the file need not have.
    """

    port: int
    login: str
    names: str
    denied: tuple[str, ...]
    of_groups: tuple[str, ...] = ()
    is_for_servers: bool = False
    entry: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)


_KINDS = {
    "gateway": _Kind(
        port=8890,
        login="KernelGateway",
        names="KernelGateway",
        denied=("KernelGateway",),
        of_groups=("group_limits", "kernelspec_audiences", "limits_database"),
        is_for_servers=True,
        entry={"display": False},
    ),
    "dask-gateway": _Kind(
        port=8891,
        login="YarnBackend",
        names="HubAuthenticator",
        denied=("HubAuthenticator", "YarnBackend"),
        is_for_servers=True,
        entry={"display": False, "oauth_no_confirm": True},
    ),
    "platform": _Kind(
        port=8892,
        login="Platform",
        names="Platform",
        denied=("Platform",),
        of_groups=("administrator_groups", "database"),  # limits can be for groups
        entry={"oauth_no_confirm": True, "oauth_client_allowed_scopes": ["servers!user"]},
        settings={"audit_log": "audit.jsonl"},
    ),
}
NAMES = tuple(_KINDS)
"""The services: each is also a command of yarnhub."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What the hub starts the services with.

    Attributes:
        file: The path of the configuration, which the services read, too.
        state: The folder with a folder for each service; an absolute path.
        url: The hub's URL as containers reach it; empty for the one in the configuration.
        variables: The variables of the hub's process.
        process: The id of the hub's process.
    """

    file: str
    state: str
    url: str
    variables: Mapping[str, str]
    process: int


def add_services(config: Config, names: Iterable[str], start: Start) -> None:
    """Add services to the configuration of a hub.

    What the configuration has is kept, and lists are extended.

    Raises:
        ConfigurationError: A service is unknown, or contradicts what the configuration has.
    """
    names = list(names)
    _check_limits(config)
    if unknown := [name for name in names if name not in _KINDS]:
        raise ConfigurationError(f"add_services: {unknown[0]!r} is not one of {', '.join(NAMES)}")
    if "platform" in names:
        _share_limits(config, start)
    services = list(_value(config.JupyterHub, "services", []))
    for name in names:
        kind = _KINDS[name]
        _add_login(config, kind)
        service = _service(config, name, start)
        _check_unused(service, services)
        services.append(service)
    config.JupyterHub.services = services
    roles = list(_value(config.JupyterHub, "load_roles", []))
    config.JupyterHub.load_roles = _with_rights(config, roles, names)
    _add_environment(config, _addresses(config, names, start.url))


def _value(section: Config, name: str, default: Any) -> Any:
    """A setting; `c.X.name.append(...)` and the like are applied to the default."""
    value = section.get(name, default)
    return value.get_value(default) if isinstance(value, LazyConfigValue) else value


def _add_login(config: Config, kind: _Kind) -> None:
    """Settings that follow from the spawner's: the login, and whose names are who on the cluster.

    Raises:
        ConfigurationError: The spawner maps names, and the service would not; or the login would be
            that of another file.
    """
    spawner = config.YarnSpawner
    for name in ("principal", "keytab"):
        if name in spawner:
            config[kind.login].setdefault(name, spawner[name])
    keytab = spawner.get("keytab")
    if keytab and config[kind.login].get("keytab") == keytab:
        _check_absolute("c.YarnSpawner.keytab", keytab)
    for section in kind.denied:
        if "denied_users" in spawner:
            config[section].setdefault("denied_users", copy.deepcopy(spawner.denied_users))
    if spawner.get("cluster_user") is not None and "cluster_user" not in config[kind.names]:
        raise ConfigurationError(
            f"c.YarnSpawner.cluster_user is set, and c.{kind.names}.cluster_user is not: set it to "
            "a function that returns the same name on the cluster for the name of a user"
        )
    for name, value in kind.settings.items():
        config[kind.login].setdefault(name, value)


def _share_limits(config: Config, start: Start) -> None:
    """Have the hub and its services read the limits that are set on the platform's pages."""
    url = str(config.Platform.get("database", _DATABASE))
    if path := _path_of(url):  # relative to the service's folder, unless it is absolute
        url = f"{url.removesuffix(path)}{PurePath(start.state, 'platform', path)}"
    config.Platform.database = url
    for section in _LIMITED:
        config[section].setdefault("limits_database", url)


def _path_of(url: str) -> str:
    """The path in the URL of a database; empty if it does not name a file."""
    driver, _, path = url.partition(":///")
    return path if driver in _SQLITE and path != ":memory:" else ""


def _check_limits(config: Config) -> None:
    for section in _LIMITED:
        if path := _path_of(str(config[section].get("limits_database", ""))):
            _check_absolute(f"c.{section}.limits_database", path)


def _check_absolute(setting: str, path: str) -> None:
    """Refuse what would be another file in each process.

    Raises:
        ConfigurationError: The path is relative.
    """
    if not PurePath(path).is_absolute():
        raise ConfigurationError(
            f"{setting} has the path {path}, which is another file for each service, because they "
            "have working directories of their own: write an absolute path"
        )


def _service(config: Config, name: str, start: Start) -> Entry:
    command = [sys.executable, "-P", "-m", "yarnhub.cli.main", name]
    return {
        "name": name,
        "url": _url(config, name),
        "timeout": _START_TIMEOUT,
        "command": [*command, "--config", start.file, "--managed", f"{start.state}/{name}"],
        "environment": {
            "YARNHUB_HUB_PID": str(start.process),
            **{each: start.variables[each] for each in VARIABLES if start.variables.get(each)},
        },
        **copy.deepcopy(dict(_KINDS[name].entry)),
    }


def _url(config: Config, name: str) -> str:
    """Where the hub and its proxy reach a service.

    This is HTTP with `internal_ssl`, too: JupyterHub 6.1 ends when it cannot connect to a service
    that it has started, and over HTTPS it connects with the TLS context of a server, which fails.

    Raises:
        ConfigurationError: Others could read what is sent.
    """
    kind = _KINDS[name]
    settings = config[kind.login]
    address = f"{settings.get('ip', '127.0.0.1')}:{settings.get('port', kind.port)}"
    if name == "dask-gateway":
        address = config.DaskGateway.get("address") or address
    url = f"http://{address}"
    if not _is_loopback(urlsplit(url).hostname or "") or settings.get("certfile"):
        raise ConfigurationError(
            f"add_services: {name} is started for {address}, and a hub reaches services that it "
            "starts without HTTPS: use 127.0.0.1 without a certificate, or run it as a unit of its "
            "own"
        )
    return url


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _check_unused(service: Entry, others: Iterable[Entry]) -> None:
    for other in others:
        if other.get("name") == service["name"]:
            raise ConfigurationError(
                f"c.JupyterHub.services has a service {service['name']} already: remove it, or do "
                "not add it with add_services"
            )
        if urlsplit(other.get("url") or "").netloc == urlsplit(service["url"]).netloc:
            raise ConfigurationError(
                f"the services {other.get('name')} and {service['name']} have the same address, "
                f"{service['url']}: set another port"
            )


def _with_rights(config: Config, roles: list[Entry], names: Collection[str]) -> list[Entry]:
    """The roles, with the scopes that users, their servers and the services need, and no others."""
    of_some = set().union(*map(_scopes_of_some, roles))
    all_users = [name for name in names if not of_some & {_ACCESS, _access(name)}]
    servers = [name for name in names if _KINDS[name].is_for_servers]
    roles = _extended(roles, "user", _OF_USERS, map(_access, all_users))
    roles = _extended(roles, "server", _OF_SERVERS, map(_access, servers))
    look_up = [name for name in names if _uses_groups(config, _KINDS[name])]
    if look_up:
        roles.append({"name": "look-up-groups", "services": look_up, "scopes": [*_GROUPS]})
    return roles


def _access(name: str) -> str:
    return f"{_ACCESS}!service={name}"


def _scopes_of_some(role: Entry) -> set[str]:
    """The scopes that a role gives some users, or all of them."""
    is_of_users = role.get("name") == "user" or role.get("users") or role.get("groups")
    return set(role.get("scopes", ())) if is_of_users else set()


def _uses_groups(config: Config, kind: _Kind) -> bool:
    return any(config[kind.login].get(name) for name in kind.of_groups)


def _extended(
    roles: list[Entry], name: str, usual: Iterable[str], more: Iterable[str]
) -> list[Entry]:
    """Roles of which one has more scopes; it is added with the usual ones if there is none."""
    scopes = list(more)
    if not scopes:
        return roles
    if all(each.get("name") != name for each in roles):
        return [*roles, {"name": name, "scopes": [*usual, *scopes]}]
    return [
        {**each, "scopes": list(dict.fromkeys([*each.get("scopes", usual), *scopes]))}
        if each.get("name") == name
        else each
        for each in roles
    ]


def _addresses(config: Config, names: Collection[str], url: str) -> dict[str, str]:
    """The variables by which users' servers find the services."""
    found = {}
    if "gateway" in names:
        found["YARNHUB_GATEWAY_URL"] = f"{_hub_url(config, url)}/services/gateway"
    if "dask-gateway" in names:
        hub = _hub_url(config, url)
        host = urlsplit(hub).hostname or ""
        port = _dask_proxy_address(config).rpartition(":")[2]
        found["DASK_GATEWAY__ADDRESS"] = f"{hub}/services/dask-gateway"
        found["DASK_GATEWAY__PROXY_ADDRESS"] = (
            f"gateway://{f'[{host}]' if ':' in host else host}:{port}"
        )
    return found


def _dask_proxy_address(config: Config) -> str:
    own = config.DaskProxy
    return str(own.get("tcp_address") or own.get("address") or _PROXY_ADDRESS)


def _hub_url(config: Config, url: str) -> str:
    """The hub's URL as containers reach it, without a slash at its end.

    Raises:
        ConfigurationError: It is not known.
    """
    hub = config.JupyterHub
    url = url or hub.get("public_url", "") or hub.get("bind_url", "")
    if (urlsplit(url).hostname or "") in ("", "0.0.0.0", "::", "*"):  # noqa: S104  # not listened on
        raise ConfigurationError(
            "add_services: set url to the address of the hub as containers reach it, for example "
            'url="https://hub.example.com"'
        )
    return url.rstrip("/")


def _add_environment(config: Config, variables: Mapping[str, str]) -> None:
    """Add variables for users' servers, which have the spawner's or else all spawners'."""
    if not variables:
        return
    own = "environment" in config.YarnSpawner or "environment" not in config.Spawner
    section = config.YarnSpawner if own else config.Spawner
    section.environment = {**variables, **_value(section, "environment", {})}
