"""What killed applications have left in a real HDFS."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from client.submissions import sleeper
from yarnhub.client.access.settings import Settings
from yarnhub.client.client import Client
from yarnhub.client.files.file_systems import user_file_system
from yarnhub.client.files.staging import staging_folder
from yarnhub.yarn.records.ids import ApplicationId

if TYPE_CHECKING:
    from pathlib import Path

    from yarnhub.cluster import HadoopCluster

pytestmark = pytest.mark.cluster

UNKNOWN = ApplicationId(id=1, cluster_timestamp=1)


async def test_only_what_has_ended_is_swept(hadoop_cluster: HadoopCluster, tmp_path: Path) -> None:
    settings = Settings.from_environment({**hadoop_cluster.env, "SKEIN_CONFIG": str(tmp_path)})
    spec = replace(sleeper(), max_attempts=2)
    async with Client(settings) as client, user_file_system(settings) as file_system:
        killed, running = await client.submit(spec), await client.submit(spec)
        try:
            # As somebody else's tool would, which knows nothing of the uploads.
            while not await client.resource_manager.force_kill_application(killed):
                pass
            unknown = await staging_folder(file_system, UNKNOWN)
            await file_system.make_directory(unknown)
            now = time.time()  # noqa: TID251  # HDFS tells the time of day
            swept = await client.sweep(now)
            assert killed in swept
            assert running not in swept
            assert await file_system.status(await staging_folder(file_system, killed)) is None
            assert await file_system.status(await staging_folder(file_system, running))
            # Its client may be uploading just now; tomorrow it is not.
            assert await file_system.status(unknown)
            assert UNKNOWN in await client.sweep(now + 25 * 3600)
            assert await file_system.status(unknown) is None
        finally:
            await client.kill(running)
