"""A log of a gigabyte: written by a container, and downloaded by its owner."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from yarnhub.base.errors import YarnhubError
from yarnhub.base.units import MiB, VCores
from yarnhub.client.access.settings import Settings
from yarnhub.client.client import Client
from yarnhub.spec import ApplicationSpec, Resources, Service

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    import httpx

    from yarnhub.yarn.records.ids import ApplicationId

USER = "user0"
LINE = b"2026-01-31 12:00:00,123 INFO worker: a record of the usual length, which a program logs\n"
BLOCK = LINE * 10_000
PATIENCE = 300.0
"""Seconds for YARN to start or end a container, and to upload its log."""
SCRIPT = """\
yes '{line}' | head -c {size}
until [ -e {go} ]; do sleep 0.2; done
"""


@dataclass(frozen=True)
class Download:
    """How long it took."""

    first_byte: float
    seconds: float


class BigLog:
    """The log of an application that runs until `finish`.

    Args:
        client: The cluster, as its owner.
        folder: For the file that ends the application.
        gigabytes: Its size.

    Attributes:
        size: Its size in bytes.
    """

    def __init__(self, client: Client, folder: Path, gigabytes: float) -> None:
        blocks = max(1, round(gigabytes * 1e9 / len(BLOCK)))
        self.size = blocks * len(BLOCK)
        digest = hashlib.sha256()
        for _ in range(blocks):
            digest.update(BLOCK)
        self._digest = digest.digest()
        self._client = client
        self._go = folder / "go"
        self._number: ApplicationId | None = None

    async def submit(self) -> None:
        """Submit the application."""
        script = SCRIPT.format(line=LINE.decode().strip(), size=self.size, go=self._go)
        small = Resources(memory=MiB(64), vcores=VCores(1))
        writer = Service(resources=small, script=script)
        spec = ApplicationSpec(name="writes", services={"writer": writer})
        self._number = await self._client.submit(spec)

    async def path(self, *, is_live: bool) -> str:
        """Its path in the platform's API, when all of it is there.

        Args:
            is_live: Whether it is on its node; otherwise it is in HDFS.
        """
        async with asyncio.timeout(PATIENCE):
            while True:
                with contextlib.suppress(YarnhubError):  # it is not there yet
                    async with self._client.open_logs(self._number, time.time()) as logs:
                        for each in (await logs.list(logs.containers)).files:
                            if each.length == self.size and logs.is_live is is_live:
                                where = f"{self._number}/logs/{each.container_id}/{each.name}"
                                return f"/applications/{where}"
                await asyncio.sleep(0.5)

    async def download(self, api: httpx.AsyncClient, path: str) -> Download:
        """Download it, and compare it with what was written."""
        digest, size, first, began = hashlib.sha256(), 0, 0.0, time.monotonic()
        async with api.stream("GET", path, params={"download": "true"}) as response:
            response.raise_for_status()
            async for part in response.aiter_bytes():
                first = first or time.monotonic() - began
                digest.update(part)
                size += len(part)
        if (size, digest.digest()) != (self.size, self._digest):
            raise SystemExit(f"other bytes came than were written: {size} of {self.size}")
        return Download(first, time.monotonic() - began)

    def finish(self) -> None:
        """Let its container end."""
        self._go.touch()


@contextlib.asynccontextmanager
async def big_log(env: Mapping[str, str], folder: Path, gigabytes: float) -> AsyncIterator[BigLog]:
    """A log that its container has written."""
    variables = {**env, "HADOOP_USER_NAME": USER, "SKEIN_CONFIG": str(folder / "skein")}
    async with Client(Settings.from_environment(variables)) as client:
        log = BigLog(client, folder, gigabytes)
        await log.submit()
        await log.path(is_live=True)
        yield log
