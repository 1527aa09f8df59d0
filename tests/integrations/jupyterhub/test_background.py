from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from yarnhub.integrations.jupyterhub.background import in_background

if TYPE_CHECKING:
    import pytest


async def test_a_fault_is_logged_and_cancelling_is_none(caplog: pytest.LogCaptureFixture) -> None:
    async def fail() -> None:
        raise ZeroDivisionError("a bug")

    failing = in_background(fail(), "fail")
    waiting = in_background(asyncio.sleep(60), "wait")
    waiting.cancel()
    await asyncio.wait([failing, waiting])
    (record,) = caplog.records
    assert record.getMessage() == "a fault in the task 'fail'"
    assert record.exc_info
    assert isinstance(record.exc_info[1], ZeroDivisionError)
