"""A process that holds fifty unmanaged applications, until it is killed: a hub, say."""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import replace
from pathlib import Path

from yarnhub.base.units import MiB, VCores
from yarnhub.client.access.settings import Settings
from yarnhub.spec import ApplicationSpec, File, Master, Resources, Security, Service
from yarnhub.unmanaged import UnmanagedApplications

COUNT = 50
WATCHED = 3
"""So many of them are used while the process is killed; the others must just be there."""


def spec(name: str, script: str, pair: Path) -> ApplicationSpec:
    """One of its applications."""
    resources = Resources(memory=MiB(32), vcores=VCores(1))
    a = Service(resources=resources, script=script, instances=2 if name == "watched" else 1)
    services = {"a": a, "b": replace(a, instances=0)}
    security = Security(
        cert_file=File(source=str(pair / "skein.crt")),
        key_file=File(source=str(pair / "skein.pem")),
    )
    return ApplicationSpec(
        name=name, tags={"held"}, services=services, master=Master(security=security)
    )


async def hold(folder: Path, script: str, pair: Path) -> None:
    """Take over what there is, submit what is missing, and stay."""
    settings = Settings.from_environment(os.environ)  # noqa: TID251  # this is a program
    async with UnmanagedApplications(
        settings, folder=folder, host="localhost", idle=1.0
    ) as applications:
        full = folder.parent / "full"  # from then on some may be damaged
        while len(applications) < COUNT and not full.exists():
            names = [each.spec.name for each in applications.values()]
            name = "watched" if names.count("watched") < WATCHED else "quiet"
            await applications.submit(spec(name, script, pair))
        full.touch()
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(hold(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])))
