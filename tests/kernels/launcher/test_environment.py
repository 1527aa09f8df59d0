"""A kernel whose Python is in the environment of its kernelspec."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from kernels.launcher.client import client
from kernels.launcher.container import launch
from yarnhub.kernels.kernelspec import Kernelspec, read, request_of

if TYPE_CHECKING:
    from kernels.launcher.container import Container
    from kernels.launcher.end import End

ARGV = ("python", "-m", "ipykernel_launcher", "-f", "{connection_file}")


async def test_a_bare_python_is_that_of_the_archive(container: Container, end: End) -> None:
    request = request_of(
        read({"environment": "hdfs:///environments/science.tar.gz"}),
        Kernelspec(name="science", argv=ARGV),
        id="0f9d8a5e-1b2c-4d3e-8f70-123456789abc",
        owner="alice",
        user="alice",
        asked={"KERNEL_TITLE": "$(id) `id` '\""},
    )
    (environment,) = request.files
    (container.folder / environment).symlink_to(sys.prefix)  # as YARN links what it has unpacked
    await container.start(launch(request.argv, env=dict(request.env)), python=request.python)
    await end.running()
    async with client(end) as kernel:
        code = "import os, sys; print(sys.executable, os.environ['KERNEL_TITLE'], sep='\\n')"
        expected = f"{container.folder}/environment/bin/python\n$(id) `id` '\"\n"
        assert await kernel.run(code) == expected
