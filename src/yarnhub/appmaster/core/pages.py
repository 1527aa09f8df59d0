"""The web pages of services that an application's own web pages pass on."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from yarnhub.base.foreign_text import clean_and_cut, quoted

if TYPE_CHECKING:
    from yarnhub.control.messages import Page

# One segment of a path (RFC 3986, pchar without percent-encoding); a dot alone is none.
_ROUTE = re.compile(r"(?!\.{1,2}$)[\w.~!$&'()*+,;=:@-]+", re.ASCII)
_PRINTABLE = re.compile(r"[!-~]+")


def add(pages: dict[str, Page], page: Page) -> None:
    """Add a page.

    Raises:
        ValueError: It cannot be passed on, or is in the way of another.
    """
    if not _ROUTE.fullmatch(page.route):
        raise ValueError(
            f"a route is one segment of a path, such as 'dashboard', not {page.route!r}"
        )
    if page.route in pages:
        raise ValueError(f"route {page.route!r} leads to {pages[page.route].target} already")
    if page.link_name is not None:
        if not page.link_name.strip():
            raise ValueError("a link name has letters; None shows no link")
        if page.link_name != clean_and_cut(page.link_name, lines=False):
            raise ValueError(f"a link name is one line of text, not {quoted(page.link_name)}")
        if any(other.link_name == page.link_name for other in pages.values()):
            raise ValueError(f"link name {page.link_name!r} is used by another page already")
    if not _is_target(page.target):
        raise ValueError(f"a target is a URL such as 'http://host:8080/path', not {page.target!r}")
    pages[page.route] = page


def remove(pages: dict[str, Page], route: str) -> None:
    """Remove a page.

    Raises:
        ValueError: There is none.
    """
    if pages.pop(route, None) is None:
        raise ValueError(f"there is no page with route {route!r}")


def _is_target(target: str) -> bool:
    # urlsplit drops blanks and line ends without a word.
    if not _PRINTABLE.fullmatch(target):
        return False
    try:
        parts = urlsplit(target)
        usable = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return usable and parts.scheme in ("http", "https") and not (parts.query or parts.fragment)
