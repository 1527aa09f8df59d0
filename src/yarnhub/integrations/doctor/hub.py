"""The hub's own configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from yarnhub.integrations.doctor.finding import not_checked, ok, warning
from yarnhub.integrations.doctor.hub_config import read_hub_config

if TYPE_CHECKING:
    from pathlib import Path

    from yarnhub.integrations.doctor.deployment import Deployment
    from yarnhub.integrations.doctor.finding import Finding


async def check(deployment: Deployment) -> Finding:
    """Check that the hub's configuration can be read."""
    file = deployment.options.hub_config
    if file is None:
        return not_checked("name the hub's configuration with --hub-config")
    deployment.hub = await read_hub_config(file)
    names = ", ".join(each.name for each in deployment.hub.services)
    return ok(f"{file} can be read; the hub starts {names or 'no services of yarnhub'}")


async def check_connections(deployment: Deployment) -> Finding:
    """Check that connections between hub, proxy and servers are authenticated and encrypted."""
    return judge(deployment.hub.file, internal_ssl=deployment.hub.internal_ssl)


def judge(file: Path, *, internal_ssl: bool) -> Finding:
    """The finding for a configuration with or without `internal_ssl`."""
    if internal_ssl:
        return ok(f"c.JupyterHub.internal_ssl is on in {file}")
    return warning(
        f"c.JupyterHub.internal_ssl is off in {file}: traffic can be read on the network, and "
        "other users of a node can impersonate a server that has just stopped",
        "set c.JupyterHub.internal_ssl = True, as `yarnhub init` does",
    )
