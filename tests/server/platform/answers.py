"""What the platform answers, as tests look at it."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.001)


def events(answer: Any) -> list[dict[str, Any]]:
    assert answer.headers["Content-Type"].startswith("text/event-stream")
    lines = answer.text.splitlines()
    return [json.loads(each.removeprefix("data: ")) for each in lines if each.startswith("data: ")]


def problem(answer: Any) -> dict[str, Any]:
    assert answer.headers["Content-Type"] == "application/problem+json"
    found: dict[str, Any] = answer.json()
    assert found["status"] == answer.status_code
    return found
