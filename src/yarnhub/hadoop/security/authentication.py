"""How a cluster wants users to prove who they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from yarnhub.base.errors import ConfigurationError

if TYPE_CHECKING:
    from yarnhub.hadoop.properties import Properties

KEY = "hadoop.security.authentication"


def is_secure(properties: Properties) -> bool:
    """Whether a cluster asks for Kerberos; the key's value may be in any case.

    Raises:
        ConfigurationError: It asks for something else.

    Source: org.apache.hadoop.security.SecurityUtil.getAuthenticationMethod.
    """
    method = properties.get(KEY) or "simple"
    if method.lower() not in ("simple", "kerberos"):
        raise ConfigurationError(f"{KEY} is {method!r}; supported values are simple and kerberos")
    return method.lower() == "kerberos"
