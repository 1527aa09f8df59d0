"""What a NodeManager does with a launch context: written from Hadoop's source, not from ours.

Source: org.apache.hadoop.yarn.server.nodemanager.containermanager.launcher.ContainerLaunch
(call, expandEnvironment, UnixShellScriptBuilder). tests/yarn/test_cluster.py holds it against a
real NodeManager.
"""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


def expand(text: str, logs: Path) -> str:
    text = text.replace("<LOG_DIR>", str(logs)).replace("<CPS>", ":")
    return text.replace("{{", "$").replace("}}", "")


def write_script(folder: Path, environment: Mapping[str, str], command: Sequence[str]) -> Path:
    """The script that starts a container; its logs go to `folder / "logs"`."""
    logs = folder / "logs"
    logs.mkdir(exist_ok=True)
    lines = ["#!/bin/bash"]
    lines += [f'export {name}="{expand(value, logs)}"' for name, value in environment.items()]
    lines.append(f'exec /bin/bash -c "{" ".join(expand(part, logs) for part in command)}"')
    script = folder / "launch_container.sh"
    script.write_bytes("\n".join(lines).encode() + b"\n")
    return script


def launch(
    folder: Path, environment: Mapping[str, str], command: Sequence[str]
) -> subprocess.CompletedProcess[bytes]:
    """Run a container's process in a folder."""
    script = write_script(folder, environment, command)
    return subprocess.run(
        ["/bin/bash", str(script)],
        cwd=folder,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin"},
        capture_output=True,
        check=False,
        timeout=30,
    )
