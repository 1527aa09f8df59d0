"""Host names as Java's clients write them into tokens and principals.

Source: org.apache.hadoop.security.SecurityUtil; java.net.InetAddress.getCanonicalHostName.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from yarnhub.base.errors import ConnectError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from yarnhub.hadoop.address import Address
    from yarnhub.hadoop.conf import Properties

_ANY_ADDRESS = "0.0.0.0"  # noqa: S104  # an address that means this host
_RESOLVER = Path("/etc/resolv.conf")


async def ip_address(host: str) -> str:
    """The first IPv4 address of a host.

    Raises:
        ConnectError: The host name has no address.
    """
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, None, family=socket.AF_INET, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise ConnectError(f"{host} has no IPv4 address: {error}") from error
    return str(found[0][4][0])


async def canonical_name(host: str) -> str:
    """The DNS name of a host's address, in lower case; the address if it has none.

    `host` may be an alias, a short name or an address. A name is accepted if it resolves to the
    address.

    Raises:
        ConnectError: The host name has no address.
    """
    if host == _ANY_ADDRESS:
        return (await asyncio.to_thread(socket.getfqdn)).lower()
    address = await ip_address(host)
    loop = asyncio.get_running_loop()
    try:
        name, _ = await loop.getnameinfo((address, 0), socket.NI_NAMEREQD)
        back = await loop.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return address
    return name.lower() if address in {each[4][0] for each in back} else address


async def qualified_name(host: str, resolver: Path = _RESOLVER) -> str:
    """A host's name with its domain, in lower case, as in tokens by name.

    An alias is not resolved.

    Raises:
        ConnectError: The name has no address.

    Source: SecurityUtil.QualifiedHostResolver.
    """
    host = host.rstrip(".").lower()
    if _is_address(host):
        return await canonical_name(host)
    if host == "localhost":
        return host
    with_domains = [
        f"{host}.{domain}" for domain in await asyncio.to_thread(_search_domains, resolver)
    ]
    names = [host, *with_domains] if "." in host else [*with_domains, host]
    for name in names:
        try:
            # With the dot the system does not search domains; /etc/hosts has no dots.
            await ip_address(f"{name}.")
        except ConnectError:
            continue
        return name
    await ip_address(host)
    return host


USE_IP = "hadoop.security.token.service.use_ip"


async def token_service(address: Address, properties: Properties) -> str:
    """The service by which Java's clients look up a daemon's token: address or name, and port.

    The name is used if `hadoop.security.token.service.use_ip` is false: so Java finds a token from
    hosts that see the daemon at another address.

    Raises:
        ConnectError: The host name has no address.
    """
    by_name = (properties.get(USE_IP) or "true").lower() == "false"
    host = await (qualified_name if by_name else ip_address)(address.host)
    return f"{host}:{address.port}"


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _search_domains(resolver: Path) -> Sequence[str]:
    """The search domains for short names: the last `search` or `domain` applies."""
    try:
        text = resolver.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ()
    lines = re.findall(r"^(?:search|domain)[ \t]+(.*)$", text, re.MULTILINE)
    domains = lines[-1].split() if lines else []
    return [domain.strip(".").lower() for domain in domains if domain.strip(".")]
