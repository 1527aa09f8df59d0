"""Servers that take a connection and say nothing end no call later than its deadline."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from client.submissions import spec
from yarnhub.base.errors import DeadlineExceededError
from yarnhub.client.access.settings import Settings
from yarnhub.client.client import Client
from yarnhub.yarn.records.ids import ApplicationId

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

APPLICATION = ApplicationId(id=1, cluster_timestamp=1700000000000)
SITES = {
    "core-site.xml": {"fs.defaultFS": "hdfs://{}"},
    "hdfs-site.xml": {"dfs.namenode.http-address": "{}"},
    "yarn-site.xml": {"yarn.resourcemanager.address": "{}"},
}


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        for name, properties in SITES.items():
            lines = (
                f"<property><name>{key}</name><value>{value.format(address)}</value></property>"
                for key, value in properties.items()
            )
            (tmp_path / name).write_text(f"<configuration>{''.join(lines)}</configuration>")
        env = {"HADOOP_CONF_DIR": str(tmp_path), "HOME": str(tmp_path), "HADOOP_USER_NAME": "al"}
        yield Settings.from_environment(env)


async def test_a_submission(settings: Settings) -> None:
    async with Client(settings) as client:
        with pytest.raises(DeadlineExceededError, match=r"was not accepted by YARN within 0.05 s"):
            await client.submit(spec(), deadline=0.05)
        with pytest.raises(DeadlineExceededError, match=r"was not accepted by YARN within 0.05 s"):
            await client.submit(spec(user="bob"), deadline=0.05)


async def test_cleaning_up(settings: Settings) -> None:
    async with Client(settings) as client:
        with pytest.raises(DeadlineExceededError, match=r"were not deleted within 0.05 s"):
            await client.clean_up(APPLICATION, deadline=0.05)
        with pytest.raises(DeadlineExceededError, match=r"deleted within 0.05 s"):
            await client.sweep(0, deadline=0.05)
