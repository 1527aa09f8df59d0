"""How a cluster wants users to prove who they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from yarnhub.base.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

KEY = "hadoop.security.authentication"


class Properties(Protocol):
    """The part of `yarnhub.hadoop.conf.Configuration` that is read here."""

    def get(self, key: str, /) -> str | None:
        """The value of a key; None when no file sets it."""
        ...


def is_secure(properties: Properties | Mapping[str, str]) -> bool:
    """Whether a cluster asks for Kerberos; the key's value may be in any case.

    Raises:
        ConfigurationError: It asks for something else.

    Source: org.apache.hadoop.security.SecurityUtil.getAuthenticationMethod.
    """
    method = properties.get(KEY) or "simple"
    if method.lower() not in ("simple", "kerberos"):
        raise ConfigurationError(f"{KEY} is {method!r}; known are simple and kerberos")
    return method.lower() == "kerberos"
