"""The HDFS user of a server."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from traitlets.config import Application, Config

from docs.blocks import PROJECT, blocks
from yarnhub.base.errors import ConfigurationError
from yarnhub.control.bootstrap import CERTIFICATE, KEY
from yarnhub.filesystem.webhdfs import WebHdfsFileSystem
from yarnhub.filesystem.webhdfs_requests import DelegationToken
from yarnhub.hadoop.wire.tokens import Token, TokenStorage
from yarnhub.integrations.contents import HdfsContents, hdfs_from_environment
from yarnhub.integrations.contents.file_systems import ContainerHdfs, ProcessHdfs
from yarnhub.integrations.jupyterhub.singleuser import contents_options

if TYPE_CHECKING:
    from pathlib import Path

PAGE = PROJECT / "docs" / "howto" / "hdfs-in-jupyterlab.md"
SITE = "<configuration><property><name>{}</name><value>{}</value></property></configuration>"


def site(folder: Path, key: str, value: str) -> dict[str, str]:
    (folder / "core-site.xml").write_text(SITE.format(key, value))
    return {"HADOOP_CONF_DIR": str(folder), "HOME": str(folder), "HADOOP_USER_NAME": "alice"}


def write_tokens(path: Path, password: bytes) -> None:
    token = Token(identifier=b"alice", password=password, kind="HDFS_DELEGATION_TOKEN",
                  service="ha-hdfs:pair")  # fmt: skip
    secrets = {CERTIFICATE: b"certificate", KEY: b"key"}
    path.write_bytes(TokenStorage({"ha-hdfs:pair": token}, secrets).write())
    # As if it were written later, however coarse the clock of the disk is.
    os.utime(path, ns=(0, int.from_bytes(password) * 1_000_000_000))


async def test_a_container_uses_the_token_that_its_file_holds_now(tmp_path: Path) -> None:
    tokens = tmp_path / "container_tokens"
    write_tokens(tokens, b"\1")
    variables = site(tmp_path, "fs.defaultFS", "hdfs://pair")
    (tmp_path / "hdfs-site.xml").write_text(
        "<configuration>"
        "<property><name>dfs.ha.namenodes.pair</name><value>a</value></property>"
        "<property><name>dfs.namenode.rpc-address.pair.a</name><value>localhost:1</value></property>"
        "</configuration>"
    )
    hdfs = hdfs_from_environment(
        {
            **variables,
            "SKEIN_APPMASTER_ADDRESS": "localhost:1",
            "SKEIN_APPLICATION_ID": "application_1_0001",
            "HADOOP_TOKEN_FILE_LOCATION": str(tokens),
        }
    )
    assert isinstance(hdfs, ContainerHdfs)
    for password in (b"\1", b"\2"):
        write_tokens(tokens, password)
        opened = await hdfs.open()
        assert isinstance(opened, WebHdfsFileSystem)
        assert isinstance(opened.requests.identity, DelegationToken)
        assert opened.requests.identity.token.password == password
        assert await hdfs.open() is opened
    tokens.unlink()
    with pytest.raises(ConfigurationError, match="cannot be read"):
        await hdfs.open()


async def test_outside_of_a_container_it_is_the_users_own(tmp_path: Path) -> None:
    hdfs = hdfs_from_environment(site(tmp_path, "fs.defaultFS", "hdfs://localhost:1"))
    assert isinstance(hdfs, ProcessHdfs)
    opened = await hdfs.open()
    assert opened.uri == "hdfs://localhost:1"
    assert await hdfs.open() is opened


def test_a_local_file_system_is_not_shown_as_hdfs(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"names no NameNode, and fs\.defaultFS is file:"):
        hdfs_from_environment(site(tmp_path, "fs.defaultFS", "file:///"))


def test_the_examples_for_the_hub() -> None:
    config = Config()
    for block in blocks(PAGE):
        if block.remark.endswith("test_the_examples_for_the_hub"):
            exec(block.text, {"c": config})
    (option,) = contents_options(config.YarnSpawner.environment, [])
    assert option.endswith(".OwnFiles")
    given = Application()
    given.parse_command_line(config.YarnSpawner.args)
    contents = HdfsContents(config=given.config)
    assert (contents.folder, contents.directory) == ("projects", "/projects")
