"""R in a container, from its kernelspec on: `yarnhub kernelspec install --language r`."""

from __future__ import annotations

import json
import signal
import uuid
from typing import TYPE_CHECKING

from kernels.contract import kept_output, running, until_printed
from kernels.joined import joined
from yarnhub.cli.main import main
from yarnhub.kernels.kernelspec import request_of
from yarnhub.kernels.kernelspec_file import parse

if TYPE_CHECKING:
    from pathlib import Path

    from kernels.processes import ProcessKernelHolder
    from yarnhub.kernels.request import KernelRequest

LOOP = 'for (n in 0:19) { cat(n, "\\n"); flush.console(); Sys.sleep(0.1) }'


def r_request(folder: Path) -> KernelRequest:
    command = ["kernelspec", "install", "r", "--language", "r", "--prefix", str(folder)]
    assert main(command) == 0
    (path,) = folder.rglob("kernel.json")
    found = parse("r", json.loads(path.read_text()))
    return request_of(
        found.config, found.spec, id=str(uuid.uuid4()), owner="alice", user="alice", asked={}
    )


async def test_r(holder: ProcessKernelHolder, tmp_path: Path) -> None:
    kernel = await holder.start(r_request(tmp_path))
    await running(kernel)
    async with joined(kernel) as client:
        assert await client.run("x <- 41; cat(x + 1)") == "42"
        busy = client.client.execute('cat("go\\n"); Sys.sleep(100)')
        await until_printed(client.client, busy, "go\n")
        await kernel.signal(signal.SIGINT)
        await client.printed(busy)
        assert await client.run("cat(x)") == "41"
        assert await kernel.restart() == 2
        await running(kernel, 2)
        await client.client.wait_for_ready(timeout=60)
        assert await client.run('cat(exists("x"))') == "FALSE"
        request = client.client.execute(LOOP)
        await until_printed(client.client, request, "0 \n")
    printed = await kept_output(kernel, "19 \n")
    assert all(f"{n} \n" in printed for n in range(10, 20))
    await kernel.stop(now=True)
