"""The Kerberos principals of servers.

Source: org.apache.hadoop.security.SecurityUtil.getServerPrincipal.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from yarnhub.hadoop.host_names import canonical_name

if TYPE_CHECKING:
    from yarnhub.hadoop.properties import Properties
_FOR_ANY_HOST = re.compile(r"([^/@]+/)_HOST(@[^/@]+)?")


def expected_principal(key: str, properties: Properties) -> str | None:
    """Whom a server must prove to be: the pattern in `key`.pattern, or the principal in `key`.

    Source: org.apache.hadoop.security.SaslRpcClient.getServerPrincipal.
    """
    return properties.get(f"{key}.pattern") or properties.get(key)


async def server_principal(principal: str, host: str) -> str:
    """The principal of a server on a host: in `rm/_HOST@REALM` its canonical name is filled in.

    Args:
        principal: As it is configured; one without `_HOST` stays as it is.
        host: The configured name, or an address.

    Raises:
        ConnectError: The host name has no address.
    """
    found = _FOR_ANY_HOST.fullmatch(principal)
    return principal if found is None else f"{found[1]}{await canonical_name(host)}{found[2] or ''}"
