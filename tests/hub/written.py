"""The configuration of a hub that `yarnhub init` writes for a test's cluster."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from yarnhub.cluster import HadoopCluster

PROGRAM = Path(sys.executable).parent / "yarnhub"


def write(cluster: HadoopCluster, written: Path) -> str:
    """Run `yarnhub init`; returns what it has written."""
    command = [str(PROGRAM), "init", "--output", str(written)]
    if cluster.options.kerberos:
        command += ["--principal", "jupyterhub", "--keytab", str(cluster.keytab("jupyterhub"))]
    subprocess.run(command, env=dict(cluster.env), check=True, timeout=60)
    return written.read_text()
