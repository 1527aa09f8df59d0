"""The delegation tokens that an application's containers need on a secure cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from yarnhub.base.errors import ConfigurationError
from yarnhub.base.tasks import task_group
from yarnhub.filesystem.delegation import name_node_delegation_token
from yarnhub.yarn.addresses import CLIENT, resource_manager

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from yarnhub.client.settings import Settings
    from yarnhub.hadoop.wire.tokens import Token


async def delegation_tokens(
    settings: Settings, file_systems: Iterable[str] = ()
) -> Mapping[str, Token]:
    """Tokens by alias for `fs.defaultFS` and further file systems; none without security.

    Without them a NodeManager can neither localize an application's files nor gather its logs.
    Cancelling leaves tokens behind that expire unused.

    Args:
        settings: Where the cluster is and who the user is.
        file_systems: URLs.

    Raises:
        ConfigurationError: The ResourceManager's principal, who is to renew them, is not known.
    """
    if not settings.secure:
        return {}
    endpoint = resource_manager(settings.configuration, CLIENT)
    renewer = settings.configuration.principal(
        "yarn.resourcemanager.principal", endpoint.addresses[0].host
    )
    if renewer is None:
        raise ConfigurationError(
            "yarn.resourcemanager.principal is not set: nobody could renew the tokens"
        )
    default = settings.configuration.get("fs.defaultFS") or "file:///"
    wanted = [url for url in dict.fromkeys((default, *file_systems)) if url.startswith("hdfs:")]
    async with task_group() as group:
        found = [
            group.create_task(
                name_node_delegation_token(
                    url, settings.configuration, settings.user, renewer=renewer
                )
            )
            for url in wanted
        ]
    # Java's clients look a token up by its service, which is therefore its alias.
    return {task.result().service: task.result() for task in found}
