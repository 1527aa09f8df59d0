"""An application outlives its tokens: `skein token keep` brings new ones, and without it fails.

Tokens of the cluster live for 20 s here; `tests/e2e/long_run.py` does the same with other times.
"""

from __future__ import annotations

import asyncio
import secrets
from contextlib import aclosing
from typing import TYPE_CHECKING

import pytest

from e2e.long_run import Hub, short_lived
from yarnhub.client.access.settings import Settings
from yarnhub.client.files.file_systems import user_file_system

if TYPE_CHECKING:
    from pathlib import Path

    from yarnhub.cluster import HadoopCluster

pytestmark = [pytest.mark.cluster, pytest.mark.waits, pytest.mark.timeout(180)]

LIFETIME, SECONDS = 20, 62


async def test_an_application_outlives_its_tokens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with short_lived(LIFETIME) as cluster:
        monkeypatch.setenv("KRB5_CONFIG", cluster.variables["KRB5_CONFIG"])
        await cluster.kinit("jupyterhub", tmp_path / "ticket")
        await check_blocks(cluster, tmp_path)
        hub = Hub(cluster, tmp_path)
        async with asyncio.TaskGroup() as group:
            with_keeper = group.create_task(hub.run(SECONDS, keep=True, fail_after=LIFETIME))
            without = group.create_task(hub.run(SECONDS, keep=False))
    kept, left = with_keeper.result(), without.result()
    assert kept.status == "SUCCEEDED", kept
    assert kept.result["seconds"] >= SECONDS
    assert kept.result["tokens"] >= 4
    assert "has fresh tokens" in kept.said
    # The second ApplicationMaster began with the submission's tokens, which had ended.
    assert "waiting for fresh tokens" in kept.logs
    assert "attempt 2 takes over" in kept.logs
    assert "the ApplicationMaster is at" in kept.logs, "the agent did not find it"
    assert left.status == "FAILED"
    assert "InvalidToken" in left.logs


async def check_blocks(cluster: HadoopCluster, folder: Path) -> None:
    """HDFS encrypts blocks as it does by default, unlike that of other tests: with 3DES."""
    ticket = {"SKEIN_CONFIG": str(folder / "skein"), "KRB5CCNAME": f"FILE:{folder / 'ticket'}"}
    content = secrets.token_bytes(1 << 20)
    async with user_file_system(Settings.from_environment({**cluster.env, **ticket})) as hdfs:
        path = f"{await hdfs.home()}/blocks"
        await hdfs.write(path, content)
        async with aclosing(hdfs.read(path)) as chunks:
            assert b"".join([chunk async for chunk in chunks]) == content
