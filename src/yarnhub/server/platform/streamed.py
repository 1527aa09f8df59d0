"""A response that is read while it is sent, for as long as its client reads it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

from fastapi.responses import Response

from yarnhub.base.deadline import Deadline
from yarnhub.base.errors import YarnhubError
from yarnhub.base.tasks import task_group

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from starlette.types import Receive, Scope, Send

_log = logging.getLogger(__name__)

_SEND = 60.0
"""Seconds for a client to read what was sent before."""


class Streamed(Response):
    """A response of any length, of which one piece is in memory at a time.

    If the client disconnects or does not read for a minute, or if reading fails, the pieces are
    closed at once. A response that failed has no end, so that its client sees that it is not whole.

    Args:
        pieces: The content; it is closed.
        headers: The headers.
        media_type: The content's type.
    """

    def __init__(
        self, pieces: AsyncGenerator[bytes, None], headers: Mapping[str, str], media_type: str
    ) -> None:
        super().__init__(headers=headers, media_type=media_type)
        del self.headers["Content-Length"]
        self._pieces = pieces

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Send it. Starlette's own would close the pieces when they are garbage."""
        async with task_group() as group:
            sending = group.create_task(self._send(send))
            leaving = group.create_task(_disconnection(receive))
            await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
            sending.cancel()
            leaving.cancel()

    async def _send(self, send: Send) -> None:
        async with contextlib.aclosing(self._pieces) as pieces:
            head = {"status": self.status_code, "headers": self.raw_headers}
            await send({"type": "http.response.start", **head})
            try:
                async for piece in pieces:
                    async with Deadline(_SEND, f"the client does not read for {_SEND:g} s"):
                        await send({"type": "http.response.body", "body": piece, "more_body": True})
            except YarnhubError as error:
                _log.warning("a response was cut off: %s", error)
                return
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _disconnection(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
