"""An application's web pages, and the pages of its services behind its proxy."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar
from urllib.parse import urlsplit

from yarnhub.base.errors import ConfigurationError
from yarnhub.control import messages

if TYPE_CHECKING:
    from yarnhub.control.messages import Request

A = TypeVar("A")


@dataclass(frozen=True, slots=True, repr=False)
class ProxiedPage:
    """A page of a service behind the application's proxy.

    Attributes:
        route: Its segment in the path of `address`.
        target: Its own URL.
        link_name: Its name on the application's pages; None hides it there.
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
        """Its URL for browsers."""
        path = urlsplit(self.target).path
        slash = "/" if not path or path.endswith("/") else ""
        return f"{self._ui_address.rstrip('/')}{self._proxy_prefix}/{self.route}{slash}"


class RequestSender(Protocol):
    """An application's client: `ApplicationRequests`."""

    id: str

    async def ask(self, request: Request[A]) -> A: ...  # noqa: D102  # see the class


class WebPages:
    """An application's web pages; created by an application's client.

    Args:
        application: The application.
    """

    def __init__(self, application: RequestSender) -> None:
        self._application = application
        self._ui: messages.Ui | None = None
        self._address = ""

    async def ui(self) -> messages.Ui:
        """Their addresses, and the path between an address and the route of a page."""
        if self._ui is None:
            self._ui = await self._application.ask(messages.GetUi())
        return self._ui

    async def address(self) -> str:
        """Their URL for browsers: one of their addresses, always the same.

        Raises:
            ConfigurationError: YARN had no web proxy when the application was submitted.
        """
        if not self._address:
            addresses = (await self.ui()).addresses
            if not addresses:
                raise ConfigurationError(f"{self._application.id} has no web pages")
            self._address = random.choice(addresses)  # noqa: S311  # any of them will do
        return self._address

    async def add(self, route: str, target: str, link_name: str | None = None) -> ProxiedPage:
        """Pass a page on.

        Args:
            route: One segment of a path, which no other page has.
            target: Its own URL.
            link_name: What it is called on the application's pages, where no other page is
                called that; None shows no link.

        Raises:
            ControlError: An argument is refused.
        """
        page = messages.Page(route=route, target=target, link_name=link_name)
        await self._application.ask(messages.AddPage(page=page))
        return await self._proxied(page)

    async def remove(self, route: str) -> None:
        """Pass a page on no longer.

        Raises:
            ControlError: No page has this route.
        """
        await self._application.ask(messages.RemovePage(route=route))

    async def all(self) -> dict[str, ProxiedPage]:
        """The pages that are passed on, by route."""
        found = (await self._application.ask(messages.GetPages())).pages
        return {page.route: await self._proxied(page) for page in found}

    async def _proxied(self, page: messages.Page) -> ProxiedPage:
        address, prefix = await self.address(), (await self.ui()).proxy_prefix
        return ProxiedPage(page.route, page.target, page.link_name, address, prefix)
