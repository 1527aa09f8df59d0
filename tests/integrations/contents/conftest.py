from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import pytest

from yarnhub.filesystem.hdfs import native_user_name
from yarnhub.filesystem.open import open_file_system
from yarnhub.hadoop.conf import Configuration
from yarnhub.hadoop.security.users import SimpleUser

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from yarnhub.cluster import HadoopCluster


@pytest.fixture
def configuration(hadoop_cluster: HadoopCluster) -> Configuration:
    return Configuration.load(hadoop_cluster.conf_dir)


@pytest.fixture
async def base(configuration: Configuration) -> AsyncIterator[str]:
    """A new directory in HDFS that belongs to alice."""
    path = f"/user/alice/contents-{secrets.token_hex(4)}"
    user = SimpleUser("alice", real=native_user_name())
    async with open_file_system("", configuration, user) as file_system:
        await file_system.make_directory(path, 0o755)
        yield path
        await file_system.delete(path, recursive=True)
