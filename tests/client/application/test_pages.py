"""An application's web pages, for programs that do not block."""

from __future__ import annotations

from typing import Any

import pytest

from yarnhub.base.errors import ConfigurationError
from yarnhub.client.application.pages import ProxiedPage, WebPages
from yarnhub.control import messages


class Application:
    """Answers as an ApplicationMaster that has these addresses."""

    id = "application_1_0001"

    def __init__(self, *addresses: str) -> None:
        self.ui = messages.Ui(addresses=addresses, proxy_prefix="/pages")
        self.asked: list[object] = []

    async def ask(self, request: Any) -> Any:
        self.asked.append(request)
        if isinstance(request, messages.GetUi):
            return self.ui
        page = messages.Page(route="dask", target="http://h:1", link_name=None)
        return messages.Pages(pages=(page,))


async def test_addresses_are_asked_for_once_and_one_is_kept() -> None:
    application = Application("http://a", "http://b")
    pages = WebPages(application)
    assert {await pages.address() for _ in range(20)} < {"http://a", "http://b"}
    page = ProxiedPage("dask", "http://h:1", None, await pages.address(), "/pages")
    assert await pages.add("dask", "http://h:1") == page
    assert await pages.all() == {"dask": page}
    assert page.address == f"{await pages.address()}/pages/dask/"
    await pages.remove("dask")
    assert [type(each).__name__ for each in application.asked] == [
        "GetUi",
        "AddPage",
        "GetPages",
        "RemovePage",
    ]


async def test_without_a_web_proxy_there_are_none() -> None:
    with pytest.raises(ConfigurationError, match="application_1_0001 has no web pages"):
        await WebPages(Application()).address()
