"""Web pages of services, passed on by those of the application."""

from __future__ import annotations

from dataclasses import dataclass

from yarnhub.control.messages.request import Nothing, Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A web page of a service that the application's own pages pass on.

    `route` is its segment in their path, `target` the URL that it is at, and `link_name` what it
    is called there; without one it is passed on but not shown.
    """

    route: str
    target: str
    link_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pages:
    """Pages, in the order that they were added."""

    pages: tuple[Page, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ui:
    """Where the application's web pages are: URLs that end with a slash, each leads to the same.

    Pages of services are below them, behind `proxy_prefix`.
    """

    addresses: tuple[str, ...] = ()
    proxy_prefix: str = "/pages"


@dataclass(frozen=True, slots=True, kw_only=True)
class GetUi(Request[Ui]):
    """Ask where the web pages are."""

    answer = Ui
    reads = True


@dataclass(frozen=True, slots=True, kw_only=True)
class AddPage(Request[Nothing]):
    """Pass a page on; routes and link names are unique."""

    answer = Nothing
    page: Page


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovePage(Request[Nothing]):
    """Pass a page on no longer."""

    answer = Nothing
    route: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GetPages(Request[Pages]):
    """Ask for the pages that are passed on."""

    answer = Pages
    reads = True
