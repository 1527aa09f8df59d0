"""A service with a stub for a holder, and the holder of a user's server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from server.gateway.user_servers.serving import Running, running
from server.gateway.user_servers.specs import SPEC, install

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from yarnhub.integrations.kernels.gateway_holder import GatewayHolder


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Running]:
    for name in ("python", "secret"):
        install(tmp_path, name)
    install(tmp_path, "local", SPEC | {"metadata": {}})
    async with running(tmp_path) as service:
        yield service


@pytest.fixture
async def holder(service: Running) -> AsyncIterator[GatewayHolder]:
    async with service.client() as holder:
        yield holder
