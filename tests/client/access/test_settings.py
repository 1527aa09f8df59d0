from __future__ import annotations

import getpass
from dataclasses import replace
from pathlib import Path

import pytest

from client.sites import other, settings, site
from hadoop.tickets import Ticket
from yarnhub.base.errors import AuthenticationError, ConfigurationError, YarnhubError
from yarnhub.client.access.settings import Settings, config_folder
from yarnhub.cluster.site.files import site_xml
from yarnhub.hadoop.conf import Configuration
from yarnhub.hadoop.ipc.options import RpcOptions
from yarnhub.hadoop.security.users import KerberosUser, SimpleUser, TokenUser
from yarnhub.hadoop.wire.protection import Protection
from yarnhub.hadoop.wire.tokens import Token


def test_what_the_environment_says_and_its_defaults(tmp_path: Path) -> None:
    found = settings(tmp_path)
    assert found.user == SimpleUser(getpass.getuser())
    assert found.user_name == getpass.getuser()
    assert found.config_folder == tmp_path / ".skein"
    assert found.cache_folder == tmp_path / ".cache" / "yarnhub"
    assert found.language == "C.UTF-8"
    assert found.options == RpcOptions()
    assert not found.secure


def test_every_variable_is_heeded(tmp_path: Path) -> None:
    found = settings(
        tmp_path,
        HADOOP_USER_NAME="alice",
        SKEIN_CONFIG=str(tmp_path / "config"),
        XDG_CACHE_HOME=str(tmp_path / "cache"),
        LANG="de_DE.UTF-8",
    )
    assert (found.user, found.user_name) == (SimpleUser("alice"), "alice")
    assert found.config_folder == tmp_path / "config"
    assert found.cache_folder == tmp_path / "cache" / "yarnhub"
    assert found.language == "de_DE.UTF-8"


@pytest.mark.parametrize("name", ["HADOOP_USER_NAME", "SKEIN_CONFIG", "XDG_CACHE_HOME", "LANG"])
def test_an_empty_variable_is_none(tmp_path: Path, name: str) -> None:
    import dataclasses

    found, plain = settings(tmp_path, **{name: ""}), settings(tmp_path)
    assert dataclasses.replace(found, configuration=plain.configuration) == plain


def test_the_config_folder_needs_no_hadoop(tmp_path: Path) -> None:
    assert config_folder({"HOME": str(tmp_path)}) == tmp_path / ".skein"
    assert config_folder({"SKEIN_CONFIG": "/x"}) == Path("/x")


def test_where_the_configuration_is_looked_for(tmp_path: Path) -> None:
    one = site(tmp_path / "one", a_b="1")
    site(tmp_path / "home", a_b="x")
    etc = tmp_path / "home" / "etc"
    etc.mkdir()
    two = site(etc / "hadoop", a_b="2")
    base = {"HOME": str(tmp_path)}

    def of(**variables: str) -> str | None:
        return Settings.from_environment(base | variables).configuration.get("a.b")

    assert of(HADOOP_CONF_DIR=str(one)) == "1"
    assert of(YARN_CONF_DIR=str(one)) == "1"
    assert of(HADOOP_CONF_DIR=str(one), HADOOP_HOME=str(tmp_path / "home")) == "1"
    assert of(HADOOP_HOME=str(tmp_path / "home")) == "2"
    assert two.is_dir()


def test_no_configuration_says_what_to_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("yarnhub.client.access.settings._USUAL_CONF_DIR", tmp_path / "missing")
    with pytest.raises(ConfigurationError, match="set HADOOP_CONF_DIR"):
        Settings.from_environment({"HOME": str(tmp_path)})


@pytest.mark.parametrize(
    ("value", "protection"),
    [
        ("authentication", Protection.AUTHENTICATION),
        ("integrity", Protection.INTEGRITY),
        ("privacy", Protection.PRIVACY),
    ],
)
def test_protection_and_fallback(tmp_path: Path, value: str, protection: Protection) -> None:
    conf = tmp_path / "conf"
    site(conf, hadoop_rpc_protection=value)
    text = (conf / "core-site.xml").read_text()
    name = "ipc.client.fallback-to-simple-auth-allowed"
    more = f"<property><name>{name}</name><value>true</value></property></configuration>"
    (conf / "core-site.xml").write_text(text.replace("</configuration>", more))
    found = Settings.from_environment({"HADOOP_CONF_DIR": str(conf), "HOME": str(tmp_path)})
    assert found.options == RpcOptions(minimum_protection=protection, fallback_to_simple=True)


def test_an_unknown_authentication_is_named(tmp_path: Path) -> None:
    conf = site(tmp_path / "conf", hadoop_security_authentication="magic")
    with pytest.raises(
        ConfigurationError, match="'magic'; supported values are simple and kerberos"
    ):
        Settings.from_environment({"HADOOP_CONF_DIR": str(conf), "HOME": str(tmp_path)})


def test_the_authentication_may_be_in_capitals(tmp_path: Path) -> None:
    conf = site(tmp_path / "conf", hadoop_security_authentication="SIMPLE")
    found = Settings.from_environment({"HADOOP_CONF_DIR": str(conf), "HOME": str(tmp_path)})
    assert not found.secure


def test_kerberos_without_a_ticket_is_an_error_of_ours(tmp_path: Path) -> None:
    conf = site(tmp_path / "conf", hadoop_security_authentication="kerberos")
    variables = {
        "HADOOP_CONF_DIR": str(conf),
        "HOME": str(tmp_path),
        "KRB5CCNAME": f"FILE:{tmp_path}/none",
    }
    with pytest.raises(YarnhubError) as caught:
        Settings.from_environment(variables)
    # Without the extra `kerberos` it is the installation that is wrong.
    assert isinstance(caught.value, AuthenticationError | ConfigurationError)


def test_a_given_credential_is_the_user(tmp_path: Path) -> None:
    conf = site(tmp_path / "conf", hadoop_security_authentication="kerberos")
    rules = "RULE:[2:$1/$2@$0](asmith/.*@REALM)s/.*/alice/"
    (conf / "yarn-site.xml").write_text(site_xml({"hadoop.security.auth_to_local": rules}))
    variables = {"HADOOP_CONF_DIR": str(conf), "HOME": str(tmp_path)}
    ticket = Ticket("asmith/host@REALM")
    found = Settings.from_environment(variables, ticket)
    assert found.user == KerberosUser(ticket)
    assert (found.user_name, found.secure) == ("alice", True)


# --- acting for others


@pytest.mark.parametrize("name", ["", "hub"])
def test_acting_for_oneself_changes_nothing(tmp_path: Path, name: str) -> None:
    found = other(settings(tmp_path), SimpleUser("hub"))
    assert found.acting_for(name) is found


def test_acting_for_somebody_else(tmp_path: Path) -> None:
    simple = other(settings(tmp_path), SimpleUser("hub")).acting_for("alice")
    assert (simple.user, simple.user_name) == (SimpleUser("alice", "hub"), "alice")
    again = simple.acting_for("bob")
    assert again.user == SimpleUser("bob", "hub"), "the real user stays"
    assert (settings(tmp_path).acting, simple.acting, again.acting) == ("", "hub", "hub")
    kerberos = other(settings(tmp_path), KerberosUser(Ticket("asmith/host@REALM"))).acting_for(
        "alice"
    )
    assert isinstance(kerberos.user, KerberosUser)
    assert (kerberos.user.name, kerberos.user_name, kerberos.secure) == ("alice", "alice", True)
    mapped = {"hadoop.security.auth_to_local": "RULE:[2:$1@$0](.*)s/.*/jupyterhub/"}
    ruled = replace(kerberos, configuration=Configuration(mapped))
    assert ruled.acting == "jupyterhub", "as nodes know it"
    assert replace(ruled, user=KerberosUser(Ticket("asmith/host@REALM"))).acting == ""


def test_a_tokens_owner_cannot_act_for_others(tmp_path: Path) -> None:
    found = other(settings(tmp_path), TokenUser(Token(b"", b"", "k", "")))
    with pytest.raises(ConfigurationError, match="cannot act for another user"):
        found.acting_for("alice")
