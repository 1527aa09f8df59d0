"""The bodies of requests, of which no more than a limit is read."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from fastapi import HTTPException
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError

if TYPE_CHECKING:
    from fastapi import Request

M = TypeVar("M", bound=BaseModel)

_MAX_DOCUMENT = 8192
"""Bytes of a document."""
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


async def read_document(request: Request, kind: type[M]) -> M:
    """The document in the body of a request.

    Raises:
        HTTPException: It is too large.
        RequestValidationError: It is not valid.
    """
    try:
        return kind.model_validate_json(await read_body(request, _MAX_DOCUMENT, "The body"))
    except ValidationError as error:
        errors = error.errors(include_url=False, include_context=False, include_input=False)
        raise RequestValidationError(
            [{**each, "loc": ("body", *each["loc"])} for each in errors]
        ) from error
