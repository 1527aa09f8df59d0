"""An application's web pages, and those of its services that they pass on."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from yarnhub.client.application.pages import ProxiedPage

if TYPE_CHECKING:
    from skein.application_client import ApplicationClient

__all__ = ["ProxiedPage", "WebUI"]


class WebUI:
    """An application's web pages.

    Every method raises `skein.ConnectionError` where the application cannot be reached.

    Args:
        client: The application.
    """

    def __init__(self, client: ApplicationClient) -> None:
        self._call = client.call
        self._pages = client.engine.pages

    def __repr__(self) -> str:
        return f"WebUI<address={self.address!r}>"

    @functools.cached_property
    def address(self) -> str:
        """Where a browser finds them; one of `addresses`, the same each time.

        Raises:
            ApplicationError: YARN had no web proxy when the application was submitted.
        """
        return self._call(self._pages.address)

    @property
    def addresses(self) -> tuple[str, ...]:
        """All their addresses: more than one where there is more than one ResourceManager."""
        return self._call(self._pages.ui).addresses

    @property
    def proxy_prefix(self) -> str:
        """What stands between the address of the web pages and the route of a page."""
        return self._call(self._pages.ui).proxy_prefix

    def add_page(self, route: str, target: str, link_name: str | None = None) -> ProxiedPage:
        """Pass a page on.

        Args:
            route: One segment of a path, which no other page has.
            target: The URL that it is at.
            link_name: What it is called on the application's pages, where no other page is
                called that; None shows no link.

        Raises:
            ValueError: An argument is not as it has to be.
        """
        return self._call(self._pages.add, route, target, link_name)

    def remove_page(self, route: str) -> None:
        """Pass a page on no longer.

        Raises:
            ValueError: There is none with this route.
        """
        self._call(self._pages.remove, route)

    def get_pages(self) -> dict[str, ProxiedPage]:
        """The pages that are passed on, by route."""
        return self._call(self._pages.all)
