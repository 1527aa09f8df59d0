"""A process that holds kernels until it is killed: `holding.py FOLDER KEYTAB REQUEST...`.

Starts a kernel for each request, a JSON document, and prints `holding` when they run. The keytab is
the service's on a cluster with Kerberos, and empty on others.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from pathlib import Path

from kernels.contract import running
from yarnhub.client.access.settings import Settings
from yarnhub.control import json
from yarnhub.hadoop.security.kerberos import Keytab
from yarnhub.kernels.local_holder import LocalKernelHolder
from yarnhub.kernels.request import KernelRequest


async def main(folder: str, keytab: str, *requests: str) -> None:
    login = Keytab(keytab, "jupyterhub") if keytab else None
    settings = Settings.from_environment(os.environ, login)  # noqa: TID251  # its entry point
    async with LocalKernelHolder(settings, folder=Path(folder), host="localhost") as holder:
        for document in requests:
            kernel = await holder.start(json.load(KernelRequest, document.encode()))
            await running(kernel)
        print("holding", flush=True)  # noqa: T201  # for the test to read
        await asyncio.Event().wait()


if __name__ == "__main__":
    logging.basicConfig()
    asyncio.run(main(*sys.argv[1:]))
