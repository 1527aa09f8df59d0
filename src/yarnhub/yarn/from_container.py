"""Requests to the ResourceManager from an application's container, with its own tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from yarnhub.base.errors import ConfigurationError
from yarnhub.hadoop.address import Address
from yarnhub.hadoop.security.users import SimpleUser, TokenUser, User
from yarnhub.hadoop.wire.identifiers import RESOURCE_MANAGER
from yarnhub.yarn.records.ids import ApplicationId
from yarnhub.yarn.resource_manager import Endpoint, ResourceManager

if TYPE_CHECKING:
    from yarnhub.hadoop.wire.tokens import TokenStorage
    from yarnhub.yarn.records.applications import ApplicationReport


async def own_report(
    found: TokenStorage, managers: bytes | None, application_id: str, user_name: str | None
) -> ApplicationReport:
    """The report of the container's own application.

    Args:
        found: The container's tokens.
        managers: `host:port,host:port` of the ResourceManagers.
        application_id: The application's id.
        user_name: Its owner, on a cluster without security and so without tokens.

    Raises:
        ConfigurationError: The container has no token.
        YarnhubError: The ResourceManager cannot be reached, or the token has expired.
    """
    token = found.find(RESOURCE_MANAGER)
    if not managers or (token is None and user_name is None):
        raise ConfigurationError("the container's token file has no token for a ResourceManager")
    user: User = SimpleUser(user_name or "") if token is None else TokenUser(token)
    addresses = tuple(map(Address.parse, managers.decode().split(",")))
    async with ResourceManager(Endpoint(addresses, None), user) as manager:
        return await manager.get_application_report(ApplicationId.parse(application_id))
