"""`GatewayHolder` does what every holder does; the kernels behind the service are real processes."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from integrations.kernels.fake_holder import FakeHolder
from kernels.contract import HolderContract
from server.gateway.remote.serving import Running, running
from yarnhub.integrations.kernels.gateway_holder import GatewayHolder

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from yarnhub.integrations.kernels.gateway_holder import GatewayKernel
    from yarnhub.kernels.request import KernelRequest


class InstallingHolder(GatewayHolder):
    """Installs a kernelspec at the service for each request, as the service uses no other argv."""

    def __init__(self, service: Running, *args: Any) -> None:
        super().__init__(*args)
        self._service = service

    async def start(self, request: KernelRequest) -> GatewayKernel:
        folder = self._service.folder / "kernels" / request.name
        folder.mkdir(parents=True, exist_ok=True)
        spec = {
            "argv": request.argv
            if "{connection_file}" in request.argv
            else [*request.argv, "{connection_file}"],
            "display_name": request.name,
            "language": "python",
            "env": dict(request.env),
            "metadata": {"kernel_provisioner": {"provisioner_name": "yarnhub", "config": {}}},
        }
        (folder / "kernel.json").write_text(json.dumps(spec))
        return await super().start(request)


class TestGatewayHolder(HolderContract):
    """See `HolderContract`."""

    @pytest.fixture
    def python(self) -> Path:
        return Path(sys.executable)

    @pytest.mark.skip(reason="the fake does not notice that a listener has left")
    async def test_what_was_printed_while_nobody_listened(self) -> None:  # type: ignore[override]
        ...

    @pytest.fixture
    async def holder(self, tmp_path: Path) -> AsyncIterator[GatewayHolder]:
        fake = FakeHolder(tmp_path)
        async with running(tmp_path, fake) as service:
            async with InstallingHolder(service, service.settings()) as holder:
                yield holder
            for kernel in fake.kernels():
                await kernel.stop(now=True)
