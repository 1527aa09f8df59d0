"""HTML in which all text is escaped, unless it is markup already."""

from __future__ import annotations

from html import escape


class Html(str):
    """Text that is markup."""

    __slots__ = ()


def join(*parts: object) -> Html:
    """Concatenate parts."""
    return Html("".join(part if isinstance(part, Html) else escape(str(part)) for part in parts))


def tag(name: str, *content: object, **attributes: object) -> Html:
    """An element.

    Attributes that are None are omitted; `class_` is `class`, and `aria_label` is `aria-label`.
    """
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Html(f"<{name}{given}>{join(*content)}</{name}>")
