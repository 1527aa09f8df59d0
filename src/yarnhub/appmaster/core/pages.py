"""The web pages of services, which are proxied by the application's own pages."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from yarnhub.appmaster.core.requests import RefusedError
from yarnhub.base.errors import FailureCode
from yarnhub.base.foreign_text import clean_and_cut, quoted
from yarnhub.control.messages import Nothing, Pages, Ui

if TYPE_CHECKING:
    from yarnhub.control.messages import AddPage, GetPages, GetUi, Page, RemovePage

# One segment of a path (RFC 3986, pchar without percent-encoding), but not a single dot.
_ROUTE = re.compile(r"(?!\.{1,2}$)[\w.~!$&'()*+,;=:@-]+", re.ASCII)
_PRINTABLE = re.compile(r"[!-~]+")


class WebPages:
    """The pages of services by route, and the address of the application's own.

    Args:
        most: The maximum number of pages of services.

    Attributes:
        ui: The address of the application's own pages; set by the shell.
    """

    def __init__(self, most: int) -> None:
        self.ui = Ui()
        self.by_route: dict[str, Page] = {}
        self._most = most

    def get_ui(self, _: GetUi) -> Ui:
        """The address of the application's own pages."""
        return self.ui

    def list(self, _: GetPages) -> Pages:
        """The pages of services."""
        return Pages(pages=tuple(self.by_route.values()))

    def add(self, request: AddPage) -> Nothing:
        """Add a page.

        Raises:
            RefusedError: It is not valid, or conflicts with another page.
        """
        if len(self.by_route) >= self._most:
            raise RefusedError(
                FailureCode.FULL, f"an application has {self._most} pages at most: remove one"
            )
        self._check(request.page)
        self.by_route[request.page.route] = request.page
        return Nothing()

    def _check(self, page: Page) -> None:
        if not _ROUTE.fullmatch(page.route):
            raise RefusedError(
                FailureCode.INVALID,
                f"a route is one segment of a path, such as 'dashboard', not {page.route!r}",
            )
        if page.route in self.by_route:
            target = self.by_route[page.route].target
            raise RefusedError(
                FailureCode.INVALID, f"route {page.route!r} leads to {target} already"
            )
        if page.link_name is not None:
            self._check_link_name(page.link_name)
        if not _is_target(page.target):
            raise RefusedError(
                FailureCode.INVALID,
                f"a target is a URL such as 'http://host:8080/path', not {page.target!r}",
            )

    def _check_link_name(self, name: str) -> None:
        if not name.strip():
            raise RefusedError(FailureCode.INVALID, "a link name has letters; None shows no link")
        if name != clean_and_cut(name, lines=False):
            raise RefusedError(
                FailureCode.INVALID, f"a link name is one line of text, not {quoted(name)}"
            )
        if any(other.link_name == name for other in self.by_route.values()):
            raise RefusedError(
                FailureCode.INVALID, f"link name {name!r} is used by another page already"
            )

    def remove(self, request: RemovePage) -> Nothing:
        """Remove a page.

        Raises:
            RefusedError: It does not exist.
        """
        if self.by_route.pop(request.route, None) is None:
            raise RefusedError(
                FailureCode.INVALID, f"there is no page with route {request.route!r}"
            )
        return Nothing()


def _is_target(target: str) -> bool:
    # urlsplit silently drops blanks and line ends.
    if not _PRINTABLE.fullmatch(target):
        return False
    try:
        parts = urlsplit(target)
        usable = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return usable and parts.scheme in ("http", "https") and not (parts.query or parts.fragment)
