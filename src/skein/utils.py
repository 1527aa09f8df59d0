"""What programs written for skein import from here."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from skein.cli.tables import format_runtime, format_table

if TYPE_CHECKING:
    import datetime as dt

__all__ = ["cached_property", "format_table", "humanize_timedelta"]


def humanize_timedelta(td: dt.timedelta) -> str:
    """A duration such as `1h 40m`, `10m` or `6s`."""
    return format_runtime(td.total_seconds())
