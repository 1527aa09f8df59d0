from __future__ import annotations

import pytest

from yarnhub.base.errors import (
    AuthenticationError,
    ConfigurationError,
    ConnectError,
    DeadlineExceededError,
    YarnhubError,
)
from yarnhub.filesystem.errors import translate_java
from yarnhub.integrations.contents.errors import http_error


def java(name: str, message: str = "x") -> YarnhubError:
    return translate_java(name, message, action="write", path="hdfs://h:1/a")


SAFE_MODE = "Cannot create file/a. Name node is in safe mode.\nThe reported blocks 0"


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (java("org.apache.hadoop.security.AccessControlException"), 403, "permission denied"),
        (AuthenticationError("the token has ended"), 403, "restart your server"),
        (java("java.io.FileNotFoundException"), 404, "not found"),
        (java("org.apache.hadoop.fs.FileAlreadyExistsException"), 409, "exists"),
        (java("org.apache.hadoop.hdfs.protocol.DSQuotaExceededException"), 507, "quota"),
        (java("org.apache.hadoop.hdfs.protocol.NSQuotaExceededException"), 507, "quota"),
        (java("org.apache.hadoop.hdfs.server.namenode.SafeModeException"), 503, "read-only"),
        (java("org.apache.hadoop.ipc.RetriableException", SAFE_MODE), 503, "read-only"),
        (java("org.apache.hadoop.ipc.StandbyException"), 503, "does not respond"),
        (ConnectError("nobody answers"), 503, "does not respond"),
        (DeadlineExceededError("no answer"), 503, "does not respond"),
        (ConfigurationError("no token"), 503, "not available"),
        (java("java.io.IOException", "could only be written to 0 nodes"), 500, "to 0 nodes"),
    ],
)
def test_each_error_has_a_status_and_a_message(
    error: YarnhubError, status: int, words: str
) -> None:
    answer = http_error(error)
    assert answer.status_code == status
    assert words in str(answer)
    assert str(error) in str(answer)
