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
