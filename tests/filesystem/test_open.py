from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hadoop.tickets import Ticket
from yarnhub.base.errors import ConfigurationError
from yarnhub.filesystem.hdfs import HdfsFileSystem, native_user_name
from yarnhub.filesystem.local import LocalFileSystem
from yarnhub.filesystem.open import open_file_system
from yarnhub.filesystem.webhdfs import WebHdfsFileSystem
from yarnhub.hadoop.security.users import KerberosUser, SimpleUser, TokenUser
from yarnhub.hadoop.wire.tokens import Token

if TYPE_CHECKING:
    from yarnhub.hadoop.security.users import User

ME = SimpleUser(native_user_name())
TOKEN = TokenUser(Token(b"", b"", "HDFS_DELEGATION_TOKEN", ""))


@pytest.mark.parametrize(
    ("url", "user", "kind", "uri"),
    [
        ("hdfs://nn:9000/x", ME, HdfsFileSystem, "hdfs://nn:9000"),
        ("hdfs://nn/x", ME, HdfsFileSystem, "hdfs://nn:8020"),
        ("hdfs:///x", ME, HdfsFileSystem, "hdfs://default:9000"),
        ("hdfs:/x", ME, HdfsFileSystem, "hdfs://default:9000"),
        ("HDFS://NN/x", ME, HdfsFileSystem, "hdfs://nn:8020"),
        ("", ME, HdfsFileSystem, "hdfs://default:9000"),
        ("/x", ME, HdfsFileSystem, "hdfs://default:9000"),
        ("hdfs://nn", SimpleUser("another"), WebHdfsFileSystem, "hdfs://nn:8020"),
        ("hdfs://nn", SimpleUser(ME.name, "another"), WebHdfsFileSystem, "hdfs://nn:8020"),
        ("hdfs://nn", TOKEN, WebHdfsFileSystem, "hdfs://nn:8020"),
        ("hdfs://nn", KerberosUser(Ticket()), HdfsFileSystem, "hdfs://nn:8020"),
        ("webhdfs://nn:9870", ME, WebHdfsFileSystem, "webhdfs://nn:9870"),
        ("swebhdfs://nn:9871", ME, WebHdfsFileSystem, "swebhdfs://nn:9871"),
        ("webhdfs://nn/x", ME, WebHdfsFileSystem, "webhdfs://nn:9870"),
        ("swebhdfs://nn/x", ME, WebHdfsFileSystem, "swebhdfs://nn:9871"),
        ("file:///x", ME, LocalFileSystem, "file://"),
    ],
)
async def test_the_adapter_for_a_url_and_user(
    url: str, user: User, kind: type, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HADOOP_PROXY_USER", raising=False)
    async with open_file_system(url, {"fs.defaultFS": "hdfs://default:9000"}, user) as fs:
        assert type(fs) is kind
        assert fs.uri == uri


def test_a_name_without_a_proof_is_nobody_on_a_secure_cluster() -> None:
    secure = {"hadoop.security.authentication": "kerberos"}
    for user in (ME, SimpleUser("another"), SimpleUser("another", ME.name)):
        with pytest.raises(ConfigurationError, match=r"without credentials.*is kerberos"):
            open_file_system("hdfs://nn", secure, user)


@pytest.mark.parametrize(
    ("url", "user", "message"),
    [
        ("s3://bucket", ME, "no file system for the scheme 's3'; supported are hdfs, viewfs"),
        ("hdfs:///x", ME, "names no NameNode, and fs.defaultFS is not set"),
        ("hdfs://nn:port", ME, "hdfs://nn:port"),
        ("webhdfs:/x", ME, "webhdfs:/x: '' is not host:port"),
        (
            "hdfs://nn",
            KerberosUser(Ticket(), "bob"),
            "alice@EXAMPLE.COM acting for bob: .*SPNEGO.*NameNodeTokens",
        ),
        ("webhdfs://nn:9870", KerberosUser(Ticket()), "SPNEGO"),
    ],
)
def test_what_cannot_be_opened(url: str, user: User, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        open_file_system(url, {}, user)
