"""Facts about a cluster for a hub's first configuration."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

from yarnhub.base.errors import ConfigurationError
from yarnhub.client.access.settings import configuration_folder
from yarnhub.hadoop.security.authentication import is_secure
from yarnhub.integrations.doctor.checks import CHECKS, Check, run_checks
from yarnhub.integrations.doctor.deployment import Deployment
from yarnhub.integrations.doctor.finding import Grade, ok
from yarnhub.integrations.doctor.services import NEEDED, is_installed
from yarnhub.integrations.jupyterhub.config_file import Facts
from yarnhub.yarn.queues.usable import submission_acls, usable_queues

if TYPE_CHECKING:
    from yarnhub.integrations.doctor.deployment import DoctorOptions
    from yarnhub.integrations.doctor.finding import Finding

_BASIC_CHECKS = tuple(
    check for check in CHECKS if check.name in ("configuration", "login", "ResourceManager")
)


async def look_up_facts(options: DoctorOptions) -> Facts:
    """Read the configuration, and query the ResourceManager if it responds; takes bounded time.

    Raises:
        ConfigurationError: The configuration was not found or is not valid.
    """
    deployment = Deployment(options)
    resources = _ClusterResources()
    checks = (*_BASIC_CHECKS, Check("queues and sizes", resources.look_up, ("ResourceManager",)))
    unknown = []
    async for found in run_checks(deployment, checks):
        if found.grade is not Grade.ERROR:
            continue
        if found.check == "configuration":
            raise ConfigurationError(found.what)
        unknown.append(f"{found.check}: {found.what}")
    configuration = deployment.configuration
    return Facts(
        conf_dir=str(configuration_folder(options.environment).absolute()),
        host=await asyncio.to_thread(socket.getfqdn),
        secure=is_secure(configuration),
        principal=options.principal,
        keytab=str(options.keytab.absolute()) if options.keytab else "",
        queues=tuple(resources.queues),
        memory=resources.memory,
        vcores=resources.vcores,
        installed=frozenset(filter(is_installed, NEEDED)),
        unknown=tuple(unknown),
    )


class _ClusterResources:
    """Queues and sizes from the ResourceManager; empty until `look_up` has run."""

    def __init__(self) -> None:
        self.queues: list[str] = []
        self.memory = self.vcores = 0

    async def look_up(self, deployment: Deployment) -> Finding:
        """Query the ResourceManager, as a check."""
        async with deployment.resource_manager() as manager:
            allowed = submission_acls(await manager.get_queue_user_acls())
            self.queues = list(usable_queues(await manager.get_queues(), allowed))
            limit = (await manager.get_new_application()).maximum_capability
            nodes = [node.capability for node in await manager.get_cluster_nodes()]
        if nodes:
            self.memory = min(limit.memory or 0, max(each.memory or 0 for each in nodes))
            vcores = max(each.virtual_cores or 0 for each in nodes)
            self.vcores = min(limit.virtual_cores or 0, vcores)
        return ok("known")
