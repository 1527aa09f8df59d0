"""The bodies of requests, of which no more than a limit is read."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from fastapi import HTTPException

if TYPE_CHECKING:
    from fastapi import Request

_PATIENCE = 60.0
"""Seconds for a client to send a body."""


async def read_body(request: Request, most: int, what: str) -> bytes:
    """The body of a request.

    Args:
        request: The request.
        most: Bytes.
        what: What it is, for the message.

    Raises:
        HTTPException: It is larger, or does not arrive in time.
    """
    too_large = HTTPException(413, f"{what} has at most {most} bytes.")
    length = request.headers.get("Content-Length", "")
    if length.isascii() and length.isdecimal() and int(length) > most:
        raise too_large
    body = bytearray()
    limit = asyncio.timeout(_PATIENCE)
    try:
        async with limit:
            async for part in request.stream():
                body += part
                if len(body) > most:
                    raise too_large
    except TimeoutError as error:
        raise HTTPException(408, f"{what} has to arrive within {_PATIENCE:g} s.") from error
    return bytes(body)
