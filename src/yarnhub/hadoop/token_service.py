"""The names under which Java's clients look for tokens.

Source: org.apache.hadoop.security.SecurityUtil.buildTokenService.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from yarnhub.hadoop.host_names import ip_address, qualified_name

if TYPE_CHECKING:
    from yarnhub.hadoop.address import Address
    from yarnhub.hadoop.properties import Properties

USE_IP = "hadoop.security.token.service.use_ip"


async def token_service(address: Address, properties: Properties) -> str:
    """The service of one daemon's tokens: its port and its IPv4 address, or its name.

    The name is taken where `hadoop.security.token.service.use_ip` is false: so Java finds a token
    from hosts that know the daemon by another address.

    Raises:
        ConnectError: The host name has no address.
    """
    by_name = (properties.get(USE_IP) or "true").lower() == "false"
    host = await (qualified_name if by_name else ip_address)(address.host)
    return f"{host}:{address.port}"
