"""A process that holds applications until it is killed: `holder.py FOLDER SPEC...`.

Prints the id of each application that it submits from a specification, a JSON document, and then
`holding`.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

from yarnhub.client.access.settings import Settings
from yarnhub.spec import ApplicationSpec
from yarnhub.unmanaged import UnmanagedApplications


async def main(folder: str, *documents: str) -> None:
    settings = Settings.from_environment(os.environ)  # noqa: TID251  # its entry point
    async with UnmanagedApplications(
        settings, folder=Path(folder), host="localhost"
    ) as applications:
        for document in documents:
            application = await applications.submit(ApplicationSpec.from_dict(json.loads(document)))
            print(application.id, flush=True)  # noqa: T201  # for the test to read
        print("holding", flush=True)  # noqa: T201
        await asyncio.Event().wait()


asyncio.run(main(*sys.argv[1:]))
