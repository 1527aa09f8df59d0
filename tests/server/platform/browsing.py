"""What browsers find on the pages, and receive from their streams."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

from yarnhub.server.platform.pages.login import COOKIE

if TYPE_CHECKING:
    import httpx

    from server.platform.serving import Platform


def form_token(page: httpx.Response) -> str:
    found = re.search(r'name="form_token" value="([^"]+)"', page.text)
    assert found, page.text
    return found[1]


def ids(page: httpx.Response) -> list[str]:
    """The applications of a list, in order."""
    return re.findall(r'<tr id="([^"]+)">', page.text)


async def streamed(served: Platform, path: str, events: int, act: list[object]) -> list[str]:
    """The first events of a stream; before each, something happens."""
    browser = served.browser()
    await served.visit("/applications", "a", browser)
    found: list[str] = []
    sent = asyncio.Event()

    async def receive() -> dict[str, object]:
        await sent.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, object]) -> None:
        body = message.get("body", b"")
        assert isinstance(body, bytes)
        if body.startswith((b"data:", b"event:")):
            found.append(body.decode())
            if len(found) == events:
                sent.set()
            elif act:
                act.pop(0)()  # type: ignore[operator]  # functions

    path, _, query = path.partition("?")
    cookie = f"{COOKIE}={browser.cookies[COOKIE]}".encode()
    scope = {
        "type": "http", "http_version": "1.1", "method": "GET", "path": f"/hub{path}",
        "raw_path": f"/hub{path}".encode(), "query_string": query.encode(), "root_path": "",
        "headers": [(b"cookie", cookie), (b"hx-request", b"true")], "scheme": "http",
        "server": ("platform", 80), "client": ("127.0.0.1", 1),
    }  # fmt: skip
    async with asyncio.timeout(20):
        await served.app(scope, receive, send)  # type: ignore[arg-type]  # ASGI's
    return found
