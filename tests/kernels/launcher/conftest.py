from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kernels.launcher import end as ends
from kernels.launcher.container import Container

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
async def end() -> AsyncIterator[ends.End]:
    async with ends.end() as made:
        yield made


@pytest.fixture
async def container(tmp_path: Path, end: ends.End) -> AsyncIterator[Container]:
    made = Container(tmp_path, end.port)
    try:
        yield made
    finally:
        await made.kill()
        if made.log.exists():
            print(made.log.read_text())  # noqa: T201  # pytest shows it with a failure
