"""The Hadoop configuration on this host."""

from __future__ import annotations

from typing import TYPE_CHECKING

from yarnhub.client.access.settings import configuration_folder
from yarnhub.hadoop.conf import FILES, Configuration
from yarnhub.integrations.doctor.finding import ok, warning
from yarnhub.yarn.addresses import CLIENT, resource_manager

if TYPE_CHECKING:
    from yarnhub.integrations.doctor.deployment import Deployment
    from yarnhub.integrations.doctor.finding import Finding


async def check(deployment: Deployment) -> Finding:
    """Check that the configuration exists, can be read, and names a cluster."""
    environment = deployment.options.environment
    folder = configuration_folder(environment)
    deployment.configuration = deployment.rm_conf = Configuration.load(folder, environment)
    deployment.rm_source = f"the files in {folder}"
    found = [name for name in FILES if (folder / name).is_file()]
    managers = " and ".join(map(str, resource_manager(deployment.configuration, CLIENT).addresses))
    missing = [name for name in FILES[::2] if name not in found]
    if missing:
        return warning(
            f"{folder} has no {' and no '.join(missing)}; ResourceManager at {managers}",
            "copy the cluster's files there, or set HADOOP_CONF_DIR to their folder",
        )
    if managers.startswith("0.0.0.0:"):
        return warning(
            f"no file in {folder} names the ResourceManager's host",
            "set yarn.resourcemanager.hostname in yarn-site.xml, unless it runs on this host",
        )
    return ok(f"{folder} with {', '.join(found)}; ResourceManager at {managers}")
