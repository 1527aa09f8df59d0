"""Where a site says whom to trust, and what of it an application takes along."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hadoop.secure_server import https_server, server_context
from yarnhub.appmaster.shell.application_folder import ApplicationFolder
from yarnhub.base.errors import ConfigurationError
from yarnhub.client.access import trust
from yarnhub.client.access.settings import Settings
from yarnhub.client.access.trust import SiteTrust, travelling
from yarnhub.cluster.security.certificates import TRUSTSTORE_PASSWORD, Authority
from yarnhub.cluster.site.files import site_xml
from yarnhub.control import bootstrap, json
from yarnhub.hadoop.conf import Configuration
from yarnhub.hadoop.trust import Trust, system
from yarnhub.hadoop.wire.tokens import TokenStorage

if TYPE_CHECKING:
    from pathlib import Path

HADOOPS, SITES, OWN, BROUGHT = (Authority.create(name) for name in ("h", "s", "o", "b"))


def folder(path: Path, core: dict[str, str], client: dict[str, str] | None = None) -> Path:
    """A configuration folder; with a truststore, unless ssl-client.xml is given."""
    path.mkdir(exist_ok=True)
    (path / "core-site.xml").write_text(site_xml(core))
    (path / "store").write_bytes(HADOOPS.truststore())
    usual = {
        "ssl.client.truststore.location": str(path / "store"),
        "ssl.client.truststore.password": TRUSTSTORE_PASSWORD,
    }
    name = core.get("hadoop.ssl.client.conf", "ssl-client.xml")
    (path / name).write_text(site_xml(usual if client is None else client))
    return path


def trust_of(conf: Path, **environment: str) -> Trust:
    return Settings.from_environment({"HADOOP_CONF_DIR": str(conf), **environment}).trust()


def test_what_says_more_closely_holds(tmp_path: Path) -> None:
    pem = tmp_path / "own.pem"
    pem.write_text(OWN.pem)
    tokens = tmp_path / "tokens"
    brought = {bootstrap.TRUST: json.dump(Trust(BROUGHT.pem))}
    tokens.write_bytes(TokenStorage({}, brought).write())

    conf = folder(tmp_path / "a", {})
    assert trust_of(conf) == Trust(HADOOPS.pem)
    (tmp_path / "site.pem").write_text(SITES.pem)
    conf = folder(tmp_path / "b", {"yarnhub.ca-file": str(tmp_path / "site.pem")})
    assert trust_of(conf) == Trust(SITES.pem)
    assert trust_of(conf, HADOOP_TOKEN_FILE_LOCATION=str(tokens)) == Trust(BROUGHT.pem)
    own = {"HADOOP_TOKEN_FILE_LOCATION": str(tokens), "YARNHUB_CA_FILE": str(pem)}
    assert trust_of(conf, **own) == Trust(OWN.pem)


def test_without_any_the_system_is_trusted(tmp_path: Path) -> None:
    assert trust_of(folder(tmp_path / "a", {}, {})) == Trust()


def test_another_name_of_the_file_and_another_verifier(tmp_path: Path) -> None:
    core = {"hadoop.ssl.client.conf": "c.xml", "hadoop.ssl.hostname.verifier": "allow_all"}
    assert trust_of(folder(tmp_path / "a", core)) == Trust(HADOOPS.pem, any_host=True)


def test_a_truststore_that_cannot_be_read_names_the_property(tmp_path: Path) -> None:
    client = {"ssl.client.truststore.location": "/nonexistent.jks"}
    with pytest.raises(ConfigurationError) as refused:
        trust_of(folder(tmp_path / "a", {}, client))
    for wanted in ("ssl-client.xml", "truststore.location", "/nonexistent.jks", "YARNHUB_CA_FILE"):
        assert wanted in str(refused.value)


def test_nothing_is_read_before_it_is_needed(tmp_path: Path) -> None:
    client = {"ssl.client.truststore.location": "/nonexistent.jks"}
    environment = {"HADOOP_CONF_DIR": str(folder(tmp_path / "a", {}, client))}
    settings = Settings.from_environment(environment)
    assert travelling(settings.configuration, settings.trust) is None


@pytest.mark.parametrize(
    "core",
    [
        {"dfs.http.policy": "HTTPS_ONLY"},
        {"yarn.http.policy": "https_only"},
        {"fs.defaultFS": "swebhdfs://nn:9871"},
    ],
)
def test_it_travels_where_servers_have_certificates(core: dict[str, str]) -> None:
    assert travelling(Configuration(core), lambda: Trust(OWN.pem)) == Trust(OWN.pem)
    assert travelling(Configuration(core), system) is None
    with pytest.raises(ConfigurationError, match="the cluster's CA alone"):
        travelling(Configuration(core), lambda: Trust(OWN.pem * 3000))


async def test_an_application_master_deletes_its_folder_behind_a_private_ca(
    caplog: pytest.LogCaptureFixture,
) -> None:
    context, _ = server_context(OWN, "localhost")
    secrets = {bootstrap.TRUST: json.dump(Trust(OWN.pem))}
    async with https_server(context, b'{"boolean": true}') as place:
        submitted = bootstrap.SubmittedApplication(
            specification="{}",
            application_id="application_1_0001",
            user="alice",
            schedulers=(),
            racks={},
            web_proxies=(),
            language="C",
            simple_authentication=True,
            staging=bootstrap.Staging(
                uri="hdfs://nn:8020",
                web=(f"https://{place}",),
                folder="hdfs://nn:8020/user/alice/.skein/application_1_0001",
                token=None,
            ),
        )
        for given in ({}, secrets):
            caplog.clear()
            staging = ApplicationFolder.of(submitted, TokenStorage({}, given))
            assert staging is not None
            await staging.delete()
            refused = "could not be deleted" in caplog.text
            assert refused == (not given), caplog.text


def test_a_truststore_that_was_renewed_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = SiteTrust(file=tmp_path / "ca.pem")
    (tmp_path / "ca.pem").write_text(OWN.pem)
    assert site() == Trust(OWN.pem)
    (tmp_path / "ca.pem").write_text(SITES.pem)
    monkeypatch.setattr(trust, "_RELOAD_INTERVAL", 1e-6)
    assert site() == Trust(SITES.pem)


def test_a_containers_trust_without_a_configuration(tmp_path: Path) -> None:
    assert SiteTrust(token_file=tmp_path / "tokens") != SiteTrust()
    (tmp_path / "tokens").write_bytes(TokenStorage({}, {}).write())
    assert SiteTrust(token_file=tmp_path / "tokens")() == Trust()
