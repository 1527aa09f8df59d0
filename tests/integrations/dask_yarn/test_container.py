"""The program in the containers, without a cluster: what it reads, and what it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from yarnhub.control import bootstrap, environment
from yarnhub.hadoop.wire.tokens import Token, TokenStorage
from yarnhub.integrations.dask_yarn import container
from yarnhub.integrations.dask_yarn.container import SettingsError, secrets_in

TOKEN = Token(b"i" * 200, b"p", "HDFS_DELEGATION_TOKEN", "ha-hdfs:ns")


@pytest.mark.parametrize("size", [0, 1, 111, 127, 128, 255, 256, 70_000])
def test_secrets_are_those_of_the_token_file(size: int) -> None:
    secrets = {"a": b"x" * size, "yarnhub.certificate": b"of-crt\n", "yarnhub.key": b"\0\xff"}
    for tokens in ({}, {"alias": TOKEN, "other": TOKEN}):
        assert secrets_in(TokenStorage(tokens, secrets).write()) == secrets


def test_a_file_that_is_not_whole_is_refused() -> None:
    content = TokenStorage({"alias": TOKEN}, {"a": b"b" * 300}).write()
    for size in range(len(content)):
        with pytest.raises(SettingsError):
            secrets_in(content[:size])


def test_the_names_are_the_applications() -> None:
    """The program has copies: it runs where yarnhub is not installed."""
    assert (container._CERTIFICATE, container._KEY) == (bootstrap.CERTIFICATE, bootstrap.KEY)
    text = Path(container.__file__).read_text("utf-8")
    for name in ("APPMASTER_ADDRESS", "APPLICATION_ID", "CONTAINER_ID", "RESOURCE_VCORES"):
        assert re.search(rf"\[['\"]{getattr(environment, name)}['\"]\]", text)
    assert bootstrap.server_name("application_1_2").endswith(".skein-internal")


def test_a_class_that_the_environment_does_not_have_is_named() -> None:
    for path in ("nowhere.Worker", "json.Worker", "Worker"):
        with pytest.raises(SettingsError, match=f"worker_class {path}"):
            container._worker_class(path)
