"""The names under which Java's clients look for tokens.

Source: org.apache.hadoop.security.SecurityUtil.buildTokenService.
"""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

from yarnhub.base.errors import ConnectError

if TYPE_CHECKING:
    from yarnhub.hadoop.address import Address


async def ip_service(address: Address) -> str:
    """The service of one daemon's tokens: its IPv4 address and port.

    Raises:
        ConnectError: The host name has no address.
    """
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(
            address.host, address.port, family=socket.AF_INET, type=socket.SOCK_STREAM
        )
    except OSError as error:
        raise ConnectError(f"{address.host} has no IPv4 address: {error}") from error
    return f"{found[0][4][0]}:{address.port}"
