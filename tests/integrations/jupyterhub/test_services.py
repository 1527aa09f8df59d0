"""What `yarnspawner.add_services` adds to a hub's configuration, and what it refuses."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest
from jupyterhub.app import JupyterHub
from jupyterhub.services.service import Service
from traitlets.config.loader import PyFileConfigLoader

from yarnhub.base.errors import ConfigurationError
from yarnhub.cli.main import parser

ALL = ("gateway", "dask-gateway", "platform")
HUB = "c.JupyterHub.public_url = 'https://hub.example.com/'"


class ConfigFile:
    """A `jupyterhub_config.py` that ends with `add_services`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def load(self, *lines: str, services: tuple[str, ...] = ALL, options: str = "") -> Any:
        head = ("import yarnspawner", "c = get_config()", *lines)
        last = f"yarnspawner.add_services(c, __file__, {services!r}, {options})"
        self.path.write_text("\n".join([*head, last]))
        return PyFileConfigLoader(str(self.path)).load_config()

    def load_services(self, *lines: str, options: str = "") -> dict[str, Any]:
        config = self.load(HUB, *lines, options=options)
        return {each["name"]: each for each in config.JupyterHub.services}

    def load_roles(self, *lines: str, services: tuple[str, ...] = ALL) -> dict[str, Any]:
        config = self.load(HUB, *lines, services=services)
        return {each["name"]: each for each in config.JupyterHub.load_roles}


@pytest.fixture
def file(tmp_path: Path) -> ConfigFile:
    return ConfigFile(tmp_path / "jupyterhub_config.py")


def access(*names: str) -> list[str]:
    return [f"access:services!service={name}" for name in names]


def test_each_service_is_a_command_of_yarnhub_that_reads_the_same_file(file: ConfigFile) -> None:
    services = file.load_services(options="state='/var/lib/jupyterhub/services'")
    assert tuple(services) == ALL
    for name, each in services.items():
        assert set(each) <= set(Service.class_traits(input=True))
        python, *_, module, command = each["command"][:5]
        assert (python, module, command) == (sys.executable, "yarnhub.cli.main", name)
        parsed = parser().parse_args(each["command"][4:])
        assert parsed.config == file.path
        assert str(parsed.managed) == f"/var/lib/jupyterhub/services/{name}"


@pytest.mark.parametrize("options", ["", "state='state'"])
def test_all_processes_find_the_same_files(
    file: ConfigFile, options: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(file.path.parent)
    of_hub = file.load(HUB, options=options)
    elsewhere = file.path.parent / "services" / "platform"
    elsewhere.mkdir(parents=True)
    monkeypatch.chdir(elsewhere)
    of_service = file.load(HUB, options=options)
    assert of_service == of_hub
    for each in of_hub.JupyterHub.services:
        assert file.path.parent in Path(each["command"][-1]).parents
    platform = of_hub.JupyterHub.services[-1]["command"][-1]
    assert of_hub.Platform.database == f"sqlite:///{platform}/platform.sqlite"


def test_a_service_has_its_own_login_in_its_own_folder(file: ConfigFile) -> None:
    config = file.load(
        *(HUB, "c.YarnSpawner.principal, c.YarnSpawner.keytab = 'hub', '/etc/hub.keytab'"),
        *("c.Platform.principal, c.Platform.keytab = 'platform', 'platform.keytab'",),
    )
    assert config.Platform.keytab == "platform.keytab"


def test_the_hub_draws_their_tokens(file: ConfigFile) -> None:
    assert all("api_token" not in each for each in file.load_services().values())


def test_their_variables_are_those_that_the_cluster_needs(
    file: ConfigFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KRB5_CONFIG", "/etc/krb5.conf")
    monkeypatch.setenv("CONFIGPROXY_AUTH_TOKEN", "of the proxy")
    services = file.load_services("import os", "os.environ['HADOOP_CONF_DIR'] = '/etc/hadoop/conf'")
    for each in services.values():
        assert each["environment"]["HADOOP_CONF_DIR"] == "/etc/hadoop/conf"
        assert each["environment"]["KRB5_CONFIG"] == "/etc/krb5.conf"
        assert each["environment"]["YARNHUB_HUB_PID"] == str(os.getpid())
        assert "of the proxy" not in each["environment"].values()


def test_their_addresses_are_in_their_settings(file: ConfigFile) -> None:
    services = file.load_services(
        "c.JupyterHub.internal_ssl = True",
        "c.KernelGateway.port = 9890",
        "c.DaskGateway.address = '127.0.0.1:9891'",
        "c.DaskProxy.address = ':9786'",
    )
    assert [each["url"] for each in services.values()] == [
        *("http://127.0.0.1:9890", "http://127.0.0.1:9891", "http://127.0.0.1:8892")
    ]
    variables = file.load(HUB, "c.DaskProxy.address = ':9786'").YarnSpawner.environment
    assert variables["DASK_GATEWAY__PROXY_ADDRESS"] == "gateway://hub.example.com:9786"


def test_servers_find_the_services_and_keep_their_own_variables(file: ConfigFile) -> None:
    ours = "c.YarnSpawner.environment = {'A': '1', 'YARNHUB_GATEWAY_URL': 'http://elsewhere'}"
    assert file.load(HUB, ours).YarnSpawner.environment == {
        "A": "1",
        "YARNHUB_GATEWAY_URL": "http://elsewhere",
        "DASK_GATEWAY__ADDRESS": "https://hub.example.com/services/dask-gateway",
        "DASK_GATEWAY__PROXY_ADDRESS": "gateway://hub.example.com:8786",
    }


def test_variables_of_all_spawners_stay_theirs(file: ConfigFile) -> None:
    config = file.load(HUB, "c.Spawner.environment = {'A': '1'}")
    assert config.Spawner.environment["A"] == "1"
    assert "YARNHUB_GATEWAY_URL" in config.Spawner.environment
    assert "environment" not in config.YarnSpawner


@pytest.mark.parametrize(
    ("line", "options", "url"),
    [
        ("", "url='https://a.example.com/hubs/b/'", "https://a.example.com/hubs/b"),
        ("c.JupyterHub.bind_url = 'http://127.0.0.1:8000/'", "", "http://127.0.0.1:8000"),
        (f"c.JupyterHub.bind_url = 'http://127.0.0.1'; {HUB}", "", "https://hub.example.com"),
    ],
)
def test_the_address_of_the_hub(file: ConfigFile, line: str, options: str, url: str) -> None:
    variables = file.load(line, options=options).YarnSpawner.environment
    assert variables["YARNHUB_GATEWAY_URL"] == f"{url}/services/gateway"


@pytest.mark.parametrize("line", ["", "c.JupyterHub.bind_url = 'http://0.0.0.0:8000'"])
def test_an_address_that_containers_cannot_use(file: ConfigFile, line: str) -> None:
    with pytest.raises(ConfigurationError, match='url="https://hub'):
        file.load(line)


def test_the_platform_needs_no_address(file: ConfigFile) -> None:
    config = file.load(services=("platform",))
    assert "environment" not in config.YarnSpawner


def test_users_and_their_servers_get_access_and_nothing_else(file: ConfigFile) -> None:
    roles = file.load_roles()
    assert set(roles) == {"user", "server", "look-up-groups"}
    assert roles["user"]["scopes"] == ["self", *access(*ALL)]
    assert roles["server"]["scopes"] == [
        *("users:activity!user", "access:servers!server"),
        *access("gateway", "dask-gateway"),
    ]


def test_roles_of_the_file_are_extended(file: ConfigFile) -> None:
    roles = file.load_roles(
        "c.JupyterHub.load_roles = ["
        "{'name': 'user', 'scopes': ['self', 'shares!user']},"
        "{'name': 'culler', 'services': ['idle-culler'], 'scopes': ['list:users']}]"
    )
    assert roles["user"]["scopes"] == ["self", "shares!user", *access(*ALL)]
    assert roles["culler"] == {
        "name": "culler",
        "services": ["idle-culler"],
        "scopes": ["list:users"],
    }


@pytest.mark.parametrize("whose", ["'groups': ['research']", "'users': ['alice']"])
def test_a_service_that_some_users_are_given_is_not_given_to_all(
    file: ConfigFile, whose: str
) -> None:
    scopes = access("gateway")
    some = f"c.JupyterHub.load_roles = [{{'name': 'some', {whose}, 'scopes': {scopes}}}]"
    roles = file.load_roles(some)
    assert roles["user"]["scopes"] == ["self", *access("dask-gateway", "platform")]
    assert set(access("gateway")) < set(roles["server"]["scopes"])


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("c.KernelGateway.group_limits = {'students': {'kernels': 1}}", "gateway"),
        ("c.KernelGateway.kernelspec_audiences = {'r': {'groups': ['a']}}", "gateway"),
        ("c.Platform.administrator_groups = {'operators'}", "platform"),
        ("pass  # its limits can be for groups", "platform"),
    ],
)
def test_only_services_that_use_groups_can_look_them_up(
    file: ConfigFile, line: str, name: str
) -> None:
    roles = file.load_roles(line, services=(name,)).values()
    (found,) = [role for role in roles if "services" in role]
    assert found["services"] == [name]
    assert found["scopes"] == ["read:users:name", "read:users:groups"]
    other = file.load_roles(services=("gateway", "dask-gateway")).values()
    assert not any("services" in role for role in other)


@pytest.mark.parametrize(
    ("lines", "url"),
    [
        ((), "sqlite:////srv/services/platform/platform.sqlite"),
        (
            ("c.Platform.database = 'sqlite:///own.sqlite'",),
            "sqlite:////srv/services/platform/own.sqlite",
        ),
        (("c.Platform.database = 'sqlite:////var/a.sqlite'",), "sqlite:////var/a.sqlite"),
        (
            ("c.Platform.database = 'sqlite+aiosqlite:///own.sqlite'",),
            "sqlite+aiosqlite:////srv/services/platform/own.sqlite",
        ),
        (("c.Platform.database = 'sqlite:///:memory:'",), "sqlite:///:memory:"),
        (("c.Platform.database = 'sqlite:///'",), "sqlite:///"),
        (("c.Platform.database = 'postgresql://db/platform'",), "postgresql://db/platform"),
    ],
)
def test_all_obey_the_limits_that_are_set_on_the_platforms_pages(
    file: ConfigFile, lines: tuple[str, ...], url: str
) -> None:
    config = file.load(
        HUB, "c.YarnBackend.limits_database = ''", *lines, options="state='/srv/services'"
    )
    for section in ("Platform", "YarnSpawner", "KernelGateway"):
        found = config[section].get("limits_database", config[section].get("database"))
        assert found == url
    assert config.YarnBackend.limits_database == ""


def test_no_keytab_is_none(file: ConfigFile) -> None:
    config = file.load(HUB, "c.YarnSpawner.principal = c.YarnSpawner.keytab = ''")
    assert config.KernelGateway.keytab == ""


def test_without_a_platform_there_are_no_limits_to_share(file: ConfigFile) -> None:
    config = file.load(HUB, services=("gateway",))
    assert "limits_database" not in config.YarnSpawner


def test_the_login_is_the_spawner_s_unless_a_service_has_its_own(file: ConfigFile) -> None:
    config = file.load(
        HUB,
        "c.YarnSpawner.principal, c.YarnSpawner.keytab = 'hub', '/etc/hub.keytab'",
        "c.YarnSpawner.denied_users.update({'guest'})",
        "c.Platform.principal, c.Platform.keytab = 'platform', '/etc/platform.keytab'",
    )
    for section in (config.KernelGateway, config.YarnBackend):
        assert (section.principal, section.keytab) == ("hub", "/etc/hub.keytab")
    assert (config.Platform.principal, config.Platform.keytab) == (
        *("platform", "/etc/platform.keytab"),
    )
    for name in ("KernelGateway", "YarnBackend", "HubAuthenticator", "Platform"):
        assert config[name].denied_users.get_value({"hdfs"}) == {"hdfs", "guest"}


def test_names_on_the_cluster_are_the_same_everywhere(file: ConfigFile) -> None:
    ours = "c.YarnSpawner.cluster_user = lambda spawner: spawner.user.name.lower()"
    with pytest.raises(ConfigurationError, match=r"c\.KernelGateway\.cluster_user is not"):
        file.load(HUB, ours)
    theirs = "c.KernelGateway.cluster_user = c.HubAuthenticator.cluster_user = str.lower"
    with pytest.raises(ConfigurationError, match=r"c\.Platform\.cluster_user is not"):
        file.load(HUB, ours, theirs)
    file.load(HUB, ours, theirs, "c.Platform.cluster_user = str.lower")


def test_services_of_the_file_stay_before_them(file: ConfigFile) -> None:
    services = file.load_services("c.JupyterHub.services.append({'name': 'tests'})")
    assert tuple(services) == ("tests", *ALL)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("c.JupyterHub.services = [{'name': 'gateway'}]", "has a service gateway already"),
        (
            "c.JupyterHub.services = [{'name': 'x', 'url': 'http://127.0.0.1:8892'}]",
            "x and platform have the same address",
        ),
        ("c.Platform.port = 8890", "gateway and platform have the same address"),
        ("c.KernelGateway.ip = '0.0.0.0'", "use 127.0.0.1"),
        ("c.DaskGateway.address = ':8891'", "use 127.0.0.1"),
        ("c.KernelGateway.certfile = '/etc/ssl/gateway.pem'", "without a certificate"),
        ("c.YarnSpawner.keytab = 'hub.keytab'", r"c\.YarnSpawner\.keytab has the path hub.keytab"),
        ("c.KernelGateway.limits_database = 'sqlite:///own.sqlite'", "write an absolute path"),
        ("c.YarnBackend.limits_database = 'sqlite+aiosqlite:///a.sqlite'", "an absolute path"),
    ],
)
def test_contradictions(file: ConfigFile, line: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        file.load(HUB, line)


def test_an_unknown_service(file: ConfigFile) -> None:
    with pytest.raises(ConfigurationError, match="'kernels' is not one of gateway, dask-gateway"):
        file.load(HUB, services=("kernels",))


def test_the_hub_takes_it(file: ConfigFile) -> None:
    hub = JupyterHub(config=file.load(HUB))
    assert [each["name"] for each in hub.services] == list(ALL)
