"""Archives of environments, unpacked and run as a node does."""

from __future__ import annotations

import os
import subprocess
import tarfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def unpack(archive: Path, folder: Path) -> Path:
    """Unpack an archive; other OS users can use the folder, and nobody can write to it."""
    folder.mkdir(mode=0o755)
    subprocess.run(["tar", "-xzf", archive, "-C", folder], check=True, timeout=120)
    subprocess.run(["chmod", "-R", "a-w", folder], check=True, timeout=120)
    return folder


def run(environment: Path, program: str, home: Path) -> str:
    """Run a program with the environment's Python, with nothing of this process's own."""
    done = subprocess.run(
        [environment / "bin" / "python3", "-c", program],
        env={"HOME": str(home), "PATH": os.defpath, "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def names(archive: Path) -> list[str]:
    """The names in an archive, in its order."""
    with tarfile.open(archive) as found:
        return found.getnames()
