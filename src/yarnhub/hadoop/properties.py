"""What may be asked of a Hadoop configuration."""

from __future__ import annotations

from typing import Protocol


class Properties(Protocol):
    """The part of `yarnhub.hadoop.conf.Configuration` that most of what reads it needs."""

    def get(self, key: str, /) -> str | None:
        """The value of a key; None when no file sets it."""
        ...
