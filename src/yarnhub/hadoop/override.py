"""`typing.override` for Python 3.11, which has none and where nothing may be installed for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import override as override  # noqa: PLC0414  # re-exported
else:

    def override(method):
        """Mark a method that overrides one of a base class; the type checker checks it."""
        return method
