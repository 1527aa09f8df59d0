"""Applications on Hadoop YARN, by the names that skein gave them; yarnhub does the work."""

from __future__ import annotations

from yarnhub import __version__

__all__ = ["__version__"]
