"""The hub's own configuration."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from yarnhub.integrations.doctor import commands
from yarnhub.integrations.doctor.finding import error, not_checked, ok, warning

if TYPE_CHECKING:
    from pathlib import Path

    from yarnhub.integrations.doctor.deployment import Deployment
    from yarnhub.integrations.doctor.finding import Finding

_READ = """\
import json, pathlib, sys
from traitlets.config import PyFileConfigLoader
file = pathlib.Path(sys.argv[1]).absolute()
config = PyFileConfigLoader(file.name, path=str(file.parent)).load_config()
print("\\n" + json.dumps(bool(config.JupyterHub.get("internal_ssl", False))))
"""
"""The configuration is a program: a separate process contains its side effects."""


async def check(deployment: Deployment) -> Finding:
    """Check that connections between hub, proxy and servers are authenticated and encrypted."""
    file = deployment.options.hub_config
    if file is None:
        return not_checked("name the hub's configuration with --hub-config")
    ended = await commands.run_command(sys.executable, "-c", _READ, str(file))
    if ended.code != 0:
        reason = ended.errors.strip().rpartition("\n")[2]
        return error(f"{file} cannot be read: {reason}")
    return judge(file, internal_ssl=json.loads(ended.output.rpartition("\n\n")[2]))


def judge(file: Path, *, internal_ssl: bool) -> Finding:
    """The finding for a configuration with or without `internal_ssl`."""
    if internal_ssl:
        return ok(f"c.JupyterHub.internal_ssl is on in {file}")
    return warning(
        f"c.JupyterHub.internal_ssl is off in {file}: traffic can be read on the network, and "
        "other users of a node can impersonate a server that has just stopped",
        "set c.JupyterHub.internal_ssl = True, as `yarnhub init` does",
    )
