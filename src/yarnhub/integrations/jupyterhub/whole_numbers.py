"""Settings that YARN takes whole numbers for."""

from __future__ import annotations

from typing import Any

from traitlets import CInt


class WholeNumber(CInt[int, Any]):
    """A whole number, or a text of one; of others nothing is cut off."""

    info_text = "a whole number"

    def validate(self, obj: Any, value: Any) -> int:  # Any: traitlets' own
        """Refuse what has a fraction."""
        if isinstance(value, float) and not value.is_integer():
            self.error(obj, value)
        number: int = super().validate(obj, value)
        return number
