"""Web pages of services, behind the application's proxy."""

from __future__ import annotations

from dataclasses import dataclass

from yarnhub.control.messages.request import Nothing, Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A web page of a service behind the application's proxy.

    `route` is its segment in the path, `target` its own URL, and `link_name` its name on the
    application's pages; without one it is not listed there.
    """

    route: str
    target: str
    link_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pages:
    """Pages, in the order in which they were added."""

    pages: tuple[Page, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ui:
    """The URLs of the application's web pages, which end with a slash and are equivalent.

    Pages of services are below them, behind `proxy_prefix`.
    """

    addresses: tuple[str, ...] = ()
    proxy_prefix: str = "/pages"


@dataclass(frozen=True, slots=True, kw_only=True)
class GetUi(Request[Ui]):
    """Get the URLs of the web pages."""

    answer = Ui
    reads = True


@dataclass(frozen=True, slots=True, kw_only=True)
class AddPage(Request[Nothing]):
    """Add a page; routes and link names are unique."""

    answer = Nothing
    page: Page


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovePage(Request[Nothing]):
    """Remove a page."""

    answer = Nothing
    route: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GetPages(Request[Pages]):
    """Get the pages behind the proxy."""

    answer = Pages
    reads = True
