"""What a cluster tells to who sets up a hub on it."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

from yarnhub.base.errors import ConfigurationError
from yarnhub.client.access.settings import configuration_folder
from yarnhub.hadoop.security.authentication import is_secure
from yarnhub.integrations.doctor.checks import CHECKS, Check, examine
from yarnhub.integrations.doctor.deployment import Site
from yarnhub.integrations.doctor.finding import Grade, ok
from yarnhub.integrations.jupyterhub.config_file import Facts
from yarnhub.yarn.queues.usable import submission_acls, usable_queues

if TYPE_CHECKING:
    from yarnhub.integrations.doctor.deployment import Question
    from yarnhub.integrations.doctor.finding import Finding

_FIRST = tuple(
    check for check in CHECKS if check.name in ("configuration", "login", "ResourceManager")
)


async def gather(question: Question) -> Facts:
    """Ask the configuration, and the ResourceManager if it answers. Ends in bounded time.

    Raises:
        ConfigurationError: There is no configuration, or it is not as it should be.
    """
    site = Site(question)
    offers = _Offers()
    checks = (*_FIRST, Check("queues and sizes", offers.ask, ("ResourceManager",)))
    unknown = []
    async for found in examine(site, checks):
        if found.grade is not Grade.ERROR:
            continue
        if found.check == "configuration":
            raise ConfigurationError(found.what)
        unknown.append(f"{found.check}: {found.what}")
    configuration = site.configuration
    return Facts(
        conf_dir=str(configuration_folder(question.environment).absolute()),
        host=await asyncio.to_thread(socket.getfqdn),
        secure=is_secure(configuration),
        principal=question.principal,
        keytab=str(question.keytab.absolute()) if question.keytab else "",
        queues=tuple(offers.queues),
        memory=offers.memory,
        vcores=offers.vcores,
        unknown=tuple(unknown),
    )


class _Offers:
    """What the ResourceManager offers; empty as long as it was not asked."""

    def __init__(self) -> None:
        self.queues: list[str] = []
        self.memory = self.vcores = 0

    async def ask(self, site: Site) -> Finding:
        """Ask it."""
        async with site.resource_manager() as manager:
            allowed = submission_acls(await manager.get_queue_user_acls())
            self.queues = list(usable_queues(await manager.get_queues(), allowed))
            limit = (await manager.get_new_application()).maximum_capability
            nodes = [node.capability for node in await manager.get_cluster_nodes()]
        if nodes:
            self.memory = min(limit.memory or 0, max(each.memory or 0 for each in nodes))
            vcores = max(each.virtual_cores or 0 for each in nodes)
            self.vcores = min(limit.virtual_cores or 0, vcores)
        return ok("they are told")
