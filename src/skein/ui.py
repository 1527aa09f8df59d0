"""An application's web pages, and those of its services that they pass on."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from yarnhub.client.application.pages import ProxiedPage

if TYPE_CHECKING:
    from skein.blocking import BlockingApplication

__all__ = ["ProxiedPage", "WebUI"]


class WebUI:
    """An application's web pages.

    Every method raises `skein.ConnectionError` if the application cannot be reached.

    Args:
        client: The application.
    """

    def __init__(self, client: BlockingApplication) -> None:
        self._call = client.call
        self._pages = client.engine.pages

    def __repr__(self) -> str:
        return f"WebUI<address={self.address!r}>"

    @functools.cached_property
    def address(self) -> str:
        """Their address for browsers; always the same one of `addresses`.

        Raises:
            ApplicationError: YARN had no web proxy when the application was submitted.
        """
        return self._call(self._pages.address)

    @property
    def addresses(self) -> tuple[str, ...]:
        """All their addresses: one for each ResourceManager."""
        return self._call(self._pages.ui).addresses

    @property
    def proxy_prefix(self) -> str:
        """What stands between the address of the web pages and the route of a page."""
        return self._call(self._pages.ui).proxy_prefix

    def add_page(self, route: str, target: str, link_name: str | None = None) -> ProxiedPage:
        """Publish a page of a service.

        Args:
            route: One path segment, unique among the pages.
            target: The URL of the page.
            link_name: Its unique name on the application's pages; None for no link.

        Raises:
            ValueError: An argument is invalid.
        """
        return self._call(self._pages.add, route, target, link_name)

    def remove_page(self, route: str) -> None:
        """Stop publishing a page.

        Raises:
            ValueError: There is no page with this route.
        """
        self._call(self._pages.remove, route)

    def get_pages(self) -> dict[str, ProxiedPage]:
        """The published pages, by route."""
        return self._call(self._pages.all)
