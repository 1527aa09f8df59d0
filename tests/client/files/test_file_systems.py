from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from yarnhub.base.errors import ConfigurationError
from yarnhub.client.access.settings import Settings
from yarnhub.client.files.file_systems import user_file_system
from yarnhub.hadoop.conf import Configuration
from yarnhub.hadoop.ipc.options import RpcOptions
from yarnhub.hadoop.security.users import SimpleUser
from yarnhub.yarn.logs.layout import log_roots

if TYPE_CHECKING:
    from pathlib import Path

VIEW = {
    "fs.defaultFS": "viewfs://cluster/",
    "fs.viewfs.mounttable.cluster.link./user": "hdfs://one/user",
}


def settings(tmp_path: Path, values: dict[str, str]) -> Settings:
    return Settings(
        configuration=Configuration(values),
        user=SimpleUser("somebody"),
        user_name="somebody",
        config_folder=tmp_path,
        cache_folder=tmp_path,
        language="C",
        options=RpcOptions(),
    )


@pytest.mark.parametrize(
    ("values", "url", "uri"),
    [
        ({}, "", "file://"),
        ({"fs.defaultFS": "hdfs://nn"}, "", "hdfs://nn:8020"),
        ({"fs.defaultFS": "hdfs://nn"}, "/tmp/logs", "hdfs://nn:8020"),
        ({"fs.defaultFS": "hdfs://nn"}, "hdfs:/tmp/logs", "hdfs://nn:8020"),
        ({"fs.defaultFS": "hdfs://nn"}, "hdfs://logs/tmp", "hdfs://logs:8020"),
        ({"fs.defaultFS": "hdfs://nn"}, "file:///tmp/logs", "file://"),
        (VIEW, "", "viewfs://cluster"),
        (VIEW, "/tmp/logs", "viewfs://cluster"),
        (VIEW, "viewfs:///tmp/logs", "viewfs://cluster"),
        (VIEW, "hdfs://logs/tmp", "hdfs://logs:8020"),
    ],
)
async def test_the_file_system_of_a_url_or_path(
    tmp_path: Path, values: dict[str, str], url: str, uri: str
) -> None:
    async with user_file_system(settings(tmp_path, values), url) as file_system:
        assert file_system.uri == uri


async def test_aggregated_logs_may_lie_in_another_file_system(tmp_path: Path) -> None:
    values = {
        "fs.defaultFS": "hdfs://nn",
        "yarn.nodemanager.remote-app-log-dir": "hdfs://logs:9000/app-logs",
    }
    found = settings(tmp_path, values)
    async with user_file_system(found, log_roots(found.configuration)[0]) as file_system:
        assert file_system.uri == "hdfs://logs:9000"


async def test_a_file_system_that_nobody_knows_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"s3a://bucket/x: no file system for the scheme"):
        async with user_file_system(settings(tmp_path, {}), "s3a://bucket/x"):
            pass
