"""What a process in a container finds, and whom a client acts for."""

from __future__ import annotations

from pathlib import Path

import pytest

import skein
from hadoop.tickets import Ticket
from yarnhub.base.errors import ConfigurationError, SpecError
from yarnhub.client.access.credentials import Credentials
from yarnhub.client.access.settings import Settings
from yarnhub.client.application.container import CurrentContainer
from yarnhub.control import bootstrap
from yarnhub.hadoop.conf import Configuration
from yarnhub.hadoop.ipc.options import RpcOptions
from yarnhub.hadoop.security.users import KerberosUser, SimpleUser, User
from yarnhub.hadoop.wire import tokens

VARIABLES = {
    "SKEIN_APPLICATION_ID": "application_1_0001",
    "SKEIN_APPMASTER_ADDRESS": "node:1234",
    "SKEIN_CONTAINER_ID": "worker_3",
}


def token_file(folder: Path, secrets: dict[str, bytes]) -> dict[str, str]:
    path = folder / "container_tokens"
    path.write_bytes(tokens.TokenStorage({}, secrets).write())
    return {**VARIABLES, "HADOOP_TOKEN_FILE_LOCATION": str(path)}


def test_all_is_read_from_the_container(tmp_path: Path) -> None:
    secrets = {bootstrap.CERTIFICATE: b"certificate", bootstrap.KEY: b"key"}
    found = CurrentContainer.from_environment(token_file(tmp_path, secrets))
    assert found == CurrentContainer(
        application_id="application_1_0001",
        address="node:1234",
        container_id="worker_3",
        credentials=Credentials(b"certificate", b"key"),
        token_file=tmp_path / "container_tokens",
    )
    assert "key'" not in repr(found)


def test_outside_of_a_container_there_is_none() -> None:
    assert CurrentContainer.from_environment({}) is None


def test_a_token_file_that_is_not_as_it_should_be(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="HADOOP_TOKEN_FILE_LOCATION is not set"):
        CurrentContainer.from_environment(VARIABLES)
    lost = {**VARIABLES, "HADOOP_TOKEN_FILE_LOCATION": str(tmp_path / "nosuch")}
    with pytest.raises(ConfigurationError, match="cannot be read: No such file"):
        CurrentContainer.from_environment(lost)
    with pytest.raises(ConfigurationError, match=r"holds no yarnhub\.key"):
        CurrentContainer.from_environment(token_file(tmp_path, {bootstrap.CERTIFICATE: b"x"}))


def settings(user: User, name: str) -> Settings:
    return Settings(
        configuration=Configuration({}),
        user=user,
        user_name=name,
        config_folder=Path("/nosuch"),
        cache_folder=Path("/nosuch"),
        language="C",
        options=RpcOptions(),
    )


def test_acting_for_somebody_else() -> None:
    simple = settings(SimpleUser("hub"), "hub")
    assert simple.acting_for("") is simple
    assert simple.acting_for("hub") is simple
    other = simple.acting_for("bob")
    assert (other.user, other.user_name) == (SimpleUser("bob", real="hub"), "bob")
    ticket = Ticket()
    secure = settings(KerberosUser(ticket), "alice").acting_for("bob")
    assert isinstance(secure.user, KerberosUser)
    assert secure.user.credential is ticket
    assert secure.user.name == "bob"


def test_credentials_as_files_and_as_contents(tmp_path: Path) -> None:
    pair = skein.Security.new_credentials()
    pair.to_directory(tmp_path)
    with pytest.raises(FileExistsError):
        pair.to_directory(tmp_path)
    pair.to_directory(tmp_path, force=True)
    files = skein.Security(
        cert_file=skein.File(source=f"file://{tmp_path}/skein.crt"),
        key_file=skein.File(source=f"{tmp_path}/skein.pem"),
    )
    assert Credentials.of(files) == Credentials.of(pair)
    with pytest.raises(FileNotFoundError):
        skein.Security.from_directory(tmp_path / "nosuch")
    far = skein.Security(
        cert_file=skein.File(source="hdfs://host/x"), key_file=skein.File(source="/x")
    )
    with pytest.raises(SpecError, match=r"master.security.cert_file.source: .* on this machine"):
        Credentials.of(far)
