"""The token of a user's server goes to the kernel service only."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest
from tornado import web
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets

from yarnhub.base.errors import YarnhubError
from yarnhub.integrations.kernels.gateway_channels import GatewayChannels
from yarnhub.integrations.kernels.gateway_settings import GatewaySettings
from yarnhub.kernels.protocol import Channel

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.jupyter


@contextlib.asynccontextmanager
async def redirecting(to: str, seen: list[str]) -> AsyncIterator[str]:
    """A server that redirects all requests; yields its URL."""

    class Handler(web.RequestHandler):
        def get(self) -> None:
            seen.append(self.request.headers.get("Authorization", ""))
            self.redirect(to)

    http = HTTPServer(web.Application([(".*", Handler)]))
    (listening,) = bind_sockets(0, "127.0.0.1")
    http.add_socket(listening)
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        http.stop()
        await http.close_all_connections()


async def test_channels_follow_no_redirects() -> None:
    service: list[str] = []
    other: list[str] = []
    async with (
        redirecting("http://127.0.0.1:1/", other) as elsewhere,
        redirecting(elsewhere, service) as url,
        GatewayChannels(GatewaySettings(url=url, token=lambda: "secret")) as channels,
    ):
        with pytest.raises(YarnhubError, match="302"):
            await channels.open("00000000-0000-0000-0000-000000000000", Channel.SHELL, 20)

    assert service == ["token secret"]
    assert other == []
