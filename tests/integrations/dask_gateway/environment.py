"""An environment for Dask's containers, packed and in HDFS, as an administrator keeps it."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from docs.blocks import PROJECT
from yarnhub.client.access.settings import Settings
from yarnhub.filesystem.open import open_file_system
from yarnhub.hadoop.security.kerberos import Keytab

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from yarnhub.cluster import HadoopCluster


def pack(folder: Path) -> Path:
    """An archive with dask-gateway and distributed, which runs on every node."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # noqa: TID251
    uv = shutil.which("uv", path=path) or "uv"
    environment, archive = folder / "environment", folder / "example.tar.gz"
    python = str(Path(sys.executable).resolve())
    commands: list[list[str | Path]] = [
        [uv, "venv", "-q", "--relocatable", "--python", python, environment],
        [uv, "sync", "-q", "--locked", "--only-group", "dask", "--project", PROJECT],
        ["tar", "-czf", archive, "--directory", environment, "."],
    ]
    for command in commands:
        variables = {**os.environ, "UV_PROJECT_ENVIRONMENT": str(environment)}  # noqa: TID251
        variables["UV_LINK_MODE"] = "copy"  # tar refuses files that others link meanwhile
        subprocess.run(command, check=True, timeout=300, env=variables)
    return archive


@contextlib.asynccontextmanager
async def kept_in_hdfs(cluster: HadoopCluster, archive: Path, folder: str) -> AsyncIterator[str]:
    """While an archive is in a new folder of HDFS, for all users; the folder's URL.

    Args:
        cluster: The cluster.
        archive: The file.
        folder: The name of the folder.
    """
    credential = None
    if cluster.options.kerberos:
        credential = Keytab(cluster.keytab("dask"), "dask")
    settings = Settings.from_environment(cluster.env, credential)
    path = f"/user/{settings.user_name}/{folder}"
    async with open_file_system("", settings.configuration, settings.user) as hdfs:
        await hdfs.make_directory(path, 0o755)
        try:
            await hdfs.upload(archive, f"{path}/{archive.name}", 0o644)
            yield f"hdfs://{path}"
        finally:
            await hdfs.delete(path, recursive=True)
