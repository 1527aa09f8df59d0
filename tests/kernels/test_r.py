"""R in a container, from its kernelspec on: an installed one, and one of an environment."""

from __future__ import annotations

import fcntl
import json
import signal
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from environments.archives import unpack
from kernels.contract import kept_output, running, until_printed
from kernels.joined import joined
from server.gateway.published import published
from yarnhub.cli.main import main
from yarnhub.kernels.kernelspec import request_of
from yarnhub.kernels.kernelspec_file import parse
from yarnhub.server.gateway.environment_kernelspecs import kernelspec_of

if TYPE_CHECKING:
    from pathlib import Path

    from environments.kernel_environment import KernelEnvironment
    from kernels.processes import ProcessKernelHolder
    from yarnhub.kernels.request import KernelRequest

LOOP = 'for (n in 0:19) { cat(n, "\\n"); flush.console(); Sys.sleep(0.1) }'


def r_request(folder: Path) -> KernelRequest:
    command = ["kernelspec", "install", "r", "--language", "r", "--prefix", str(folder)]
    assert main(command) == 0
    (path,) = folder.rglob("kernel.json")
    return request(json.loads(path.read_text()))


def request(document: dict[str, object]) -> KernelRequest:
    found = parse("r", document)
    return request_of(
        found.config, found.spec, id=str(uuid.uuid4()), owner="alice", user="alice", asked={}
    )


async def test_r(holder: ProcessKernelHolder, tmp_path: Path) -> None:
    given = replace(r_request(tmp_path), prologue=f"export TMPDIR={tmp_path}\n")
    kernel = await holder.start(given)
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


@pytest.mark.parametrize("unpacking", ["yarn", "container"])
async def test_r_of_an_environment(
    holder: ProcessKernelHolder, r_environment: KernelEnvironment, tmp_path: Path, unpacking: str
) -> None:
    archive = r_environment.built.archive
    assert archive is not None
    environment = published(language="r", packages={"r-irkernel": "1.3.2"})
    site = {"environment": {"unpack": unpacking}}
    given = request(kernelspec_of(environment, "alice", site).to_dict())
    # What a NodeManager does.
    if unpacking == "yarn":
        localized = f"ln -s {unpack(archive, tmp_path / 'unpacked')} environment"
    else:
        localized = f"ln -s {archive} environment.tar.gz"
    # R that is killed leaves a folder in TMPDIR.
    prologue = f"export TMPDIR={tmp_path}; {localized}\n{given.prologue}"
    kernel = await holder.start(replace(given, prologue=prologue))
    await running(kernel)
    async with joined(kernel) as client:
        (library,) = tmp_path.rglob("lib/R/library")
        assert await client.run("cat(normalizePath(.libPaths()))") == str(library)
        locks = [*tmp_path.rglob("environments/*.lock")]
        assert len(locks) == (unpacking == "container")
        for lock in locks:
            with lock.open() as file, pytest.raises(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        busy = client.client.execute('cat("go\\n"); Sys.sleep(100)')
        await until_printed(client.client, busy, "go\n")
        await kernel.signal(signal.SIGINT)
        await client.printed(busy)
        assert await client.run("cat(jsonlite::fromJSON('41') + 1)") == "42"
    await kernel.stop(now=True)
