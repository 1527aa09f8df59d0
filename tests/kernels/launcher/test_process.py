"""The launcher and the processes of kernels that say nothing, started as a NodeManager does."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from kernels.launcher.container import launch, silent_kernel
from yarnhub.kernels.protocol import Activity

if TYPE_CHECKING:
    from kernels.launcher.container import Container
    from kernels.launcher.end import End


async def test_it_starts_a_kernel_and_reports_it(container: Container, end: End) -> None:
    launcher = await container.start(launch(silent_kernel(), env={"SECRET_OF_USER": "sesame"}))
    report = await end.running()

    assert (report.generation, report.code, report.error) == (1, None, "")
    assert report.activity is Activity.UNKNOWN
    own = Path(f"/proc/{report.pid}")
    assert b"SECRET_OF_USER=sesame" in (own / "environ").read_bytes().split(b"\0")
    assert (own / "cwd").readlink() == container.folder / "work"
    assert os.getpgid(report.pid) == launcher, "YARN ends the process group"
    file = container.folder / ".kernel" / "connection.json"
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    commands = "".join(container.processes().values())
    for secret in ("sesame", "the key of messages"):
        assert secret not in commands
        assert not container.says(secret)


async def test_restart(container: Container, end: End) -> None:
    await container.start(launch(silent_kernel()))
    first = await end.running()
    await end.order(start=2)
    second = await end.running(2)

    assert second.pid != first.pid
    assert first.pid not in container.processes()
    assert len(container.processes()) == 2
