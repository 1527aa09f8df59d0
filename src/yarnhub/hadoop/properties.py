"""What may be asked of a Hadoop configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable


class Properties(Protocol):
    """The part of `yarnhub.hadoop.conf.Configuration` that most of what reads it needs."""

    def get(self, key: str, /) -> str | None:
        """The value of a key; None when no file sets it."""
        ...

    def keys(self) -> Iterable[str]:
        """The keys that are set."""
        ...


def is_https_only(properties: Properties, part: str) -> bool:
    """Whether the web servers of `dfs` or of `yarn` speak HTTPS and nothing else.

    Source: org.apache.hadoop.http.HttpConfig.Policy.fromString, which takes any case.
    """
    return (properties.get(f"{part}.http.policy") or "").upper() == "HTTPS_ONLY"
