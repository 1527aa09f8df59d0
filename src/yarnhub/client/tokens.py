"""The delegation tokens that an application's containers need on a secure cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yarnhub.client.settings import Settings
    from yarnhub.hadoop.wire.tokens import Token
    from yarnhub.yarn.resource_manager import ResourceManager


async def delegation_tokens(settings: Settings, manager: ResourceManager) -> Mapping[str, Token]:
    """Tokens by alias; none on a cluster without security."""
    return {}
