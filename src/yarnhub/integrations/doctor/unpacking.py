"""What the nodes need to unpack an archive, such as an environment.

YARN unpacks an archive with `tar` and then sets the mode of each file, which changes its ctime.
With Hadoop's native library that is a system call, without it a program, which takes 4 ms or more.

Source: FSDownload.changePermissions, RawLocalFileSystem.setPermission (Hadoop 3.4).
"""

from __future__ import annotations

import asyncio
import io
import re
import tarfile
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from yarnhub.client.logs.aggregated import LogAggregationOffError
from yarnhub.integrations.doctor.finding import not_checked, ok, warning
from yarnhub.integrations.doctor.node_run import nothing_ran, run_on_nodes
from yarnhub.spec import File

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yarnhub.integrations.doctor.deployment import Deployment
    from yarnhub.integrations.doctor.finding import Finding

SLOW = 1.0
"""Milliseconds for a file: an environment has 10 000 files or more."""
FILES, _FOLDERS = 500, 20
_USUAL_FILES = 10_000
"""For the example in the finding."""
_TIMES = re.compile(r"^yarnhub doctor: ([\d.]+) ([\d.]+)$", re.MULTILINE)
_SCRIPT = r"LC_ALL=C find unpacked/ -type f -printf 'yarnhub doctor: %A@ %C@\n'"
"""Prints the atime and the ctime of each file."""


async def check(deployment: Deployment) -> Finding:
    """Let each node unpack an archive with many small files as the user."""
    if not deployment.options.run:
        return not_checked("with --run, each node unpacks a small archive of the user")
    try:
        with tempfile.TemporaryDirectory() as folder:
            archive = str(Path(folder, "unpacked.tar.gz"))
            await asyncio.to_thread(write_small_files, archive)
            # Of this application only: nodes keep files of other visibilities.
            outputs = await run_on_nodes(deployment, _SCRIPT, {"unpacked": File(source=archive)})
    except LogAggregationOffError as failure:
        return not_checked(f"the logs from the nodes cannot be read: {failure}")
    return judge(outputs)


def write_small_files(target: str) -> None:
    """Write an archive with many small files in some folders."""
    with tarfile.open(target, mode="w:gz") as archive:
        for number in range(FILES):
            text = f"{number}\n".encode()
            entry = tarfile.TarInfo(f"{number % _FOLDERS}/{number}")
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text))


def judge(outputs: Mapping[str, str]) -> Finding:
    """The finding for the times of the unpacked files on each node."""
    silent = [node for node, text in outputs.items() if not text]
    if silent:
        return nothing_ran(silent)
    times = {node: _milliseconds(text) for node, text in outputs.items()}
    known = {node: each for node, each in times.items() if each is not None}
    unknown = [node for node in outputs if node not in known]
    if unknown:
        return not_checked(f"`find` does not print the times of files on {', '.join(unknown)}")
    what = ", ".join(f"{node} {each:.2f} ms" for node, each in known.items())
    what = f"time to unpack each file of an archive: {what}"
    slowest = max(known, key=known.__getitem__)
    if known[slowest] > SLOW:
        seconds = known[slowest] * _USUAL_FILES / 1000
        return warning(
            f"{what}; an environment of {_USUAL_FILES} files takes {seconds:.0f} s on {slowest}",
            "install Hadoop's native library, libhadoop.so, on the nodes (`hadoop checknative` "
            "shows whether it is loaded): without it, YARN starts a program for each file; or use "
            "environments with fewer files",
        )
    return ok(what)


def _milliseconds(output: str) -> float | None:
    """The time for one file, from the first that `tar` makes to the last whose mode is set."""
    found = [(float(read), float(changed)) for read, changed in _TIMES.findall(output)]
    if not found:
        return None
    # A new file has the current time as its atime, which `tar` leaves as it is.
    first = min(min(each) for each in found)
    last = max(changed for _, changed in found)
    return 1000 * (last - first) / len(found)
