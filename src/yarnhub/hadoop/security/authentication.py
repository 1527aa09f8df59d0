"""How the users and servers of a cluster are authenticated, as its configuration has it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from yarnhub.base.errors import ConfigurationError
from yarnhub.base.foreign_text import quoted
from yarnhub.hadoop.host_names import canonical_name

if TYPE_CHECKING:
    from yarnhub.hadoop.conf import Properties

KEY = "hadoop.security.authentication"
_FOR_ANY_HOST = re.compile(r"([^/@]+/)_HOST(@[^/@]+)?")


def is_secure(properties: Properties) -> bool:
    """Whether a cluster requires Kerberos; the key's value may be in any case.

    Raises:
        ConfigurationError: The key has an unknown value.

    Source: org.apache.hadoop.security.SecurityUtil.getAuthenticationMethod.
    """
    method = properties.get(KEY) or "simple"
    if method.lower() not in ("simple", "kerberos"):
        raise ConfigurationError(
            f"{KEY} is {quoted(method)}; supported values are simple and kerberos"
        )
    return method.lower() == "kerberos"


def expected_principal(key: str, properties: Properties) -> str | None:
    """The principal that a server must have: the pattern in `key`.pattern, or the value of `key`.

    Source: org.apache.hadoop.security.SaslRpcClient.getServerPrincipal.
    """
    return properties.get(f"{key}.pattern") or properties.get(key)


async def server_principal(principal: str, host: str) -> str:
    """The principal of a server on a host: `_HOST` in `rm/_HOST@REALM` is its canonical name.

    Args:
        principal: The configured principal; one without `_HOST` is returned unchanged.
        host: The configured host name or address.

    Raises:
        ConnectError: The host name has no address.

    Source: org.apache.hadoop.security.SecurityUtil.getServerPrincipal.
    """
    found = _FOR_ANY_HOST.fullmatch(principal)
    return principal if found is None else f"{found[1]}{await canonical_name(host)}{found[2] or ''}"
