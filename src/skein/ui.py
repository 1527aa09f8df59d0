"""An application's web pages, and those of its services that they pass on."""

from __future__ import annotations

import functools
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from skein.exceptions import ApplicationError
from yarnhub.control import messages

if TYPE_CHECKING:
    from skein.application_client import ApplicationClient

__all__ = ["ProxiedPage", "WebUI"]


@dataclass(frozen=True, slots=True, repr=False)
class ProxiedPage:
    """A page of a service that the application's web pages pass on.

    Attributes:
        route: Its segment in the path of `address`.
        target: The URL that it is at.
        link_name: What it is called on the application's pages; None is not shown there.
    """

    route: str
    target: str
    link_name: str | None
    _ui_address: str
    _proxy_prefix: str

    def __repr__(self) -> str:
        return f"ProxiedPage<route={self.route!r}>"

    @property
    def address(self) -> str:
        """Where a browser finds it."""
        path = urlsplit(self.target).path
        slash = "/" if not path or path.endswith("/") else ""
        return f"{self._ui_address.rstrip('/')}{self._proxy_prefix}/{self.route}{slash}"


class WebUI:
    """An application's web pages.

    Every method raises `skein.ConnectionError` where the application cannot be reached.

    Args:
        client: The application.
    """

    def __init__(self, client: ApplicationClient) -> None:
        self._client = client

    def __repr__(self) -> str:
        return f"WebUI<address={self.address!r}>"

    @functools.cached_property
    def _ui(self) -> messages.Ui:
        return self._client.call(self._client.engine.ask, messages.GetUi())

    @functools.cached_property
    def address(self) -> str:
        """Where a browser finds them; one of `addresses`, the same each time.

        Raises:
            ApplicationError: YARN had no web proxy when the application was submitted.
        """
        if not self.addresses:
            raise ApplicationError(f"{self._client.id} has no web pages")
        return random.choice(self.addresses)  # noqa: S311  # any of them will do

    @property
    def addresses(self) -> tuple[str, ...]:
        """All their addresses: more than one where there is more than one ResourceManager."""
        return self._ui.addresses

    @property
    def proxy_prefix(self) -> str:
        """What stands between the address of the web pages and the route of a page."""
        return self._ui.proxy_prefix

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
        page = messages.Page(route=route, target=target, link_name=link_name)
        self._client.call(self._client.engine.ask, messages.AddPage(page=page))
        return self._page(page)

    def remove_page(self, route: str) -> None:
        """Pass a page on no longer.

        Raises:
            ValueError: There is none with this route.
        """
        self._client.call(self._client.engine.ask, messages.RemovePage(route=route))

    def get_pages(self) -> dict[str, ProxiedPage]:
        """The pages that are passed on, by route."""
        found = self._client.call(self._client.engine.ask, messages.GetPages()).pages
        return {page.route: self._page(page) for page in found}

    def _page(self, page: messages.Page) -> ProxiedPage:
        return ProxiedPage(page.route, page.target, page.link_name, self.address, self.proxy_prefix)
