"""`GatewayHolder` does what every holder does: with processes behind the service, and on YARN."""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from kernels.contract import HolderContract
from kernels.processes import Cluster, ProcessKernelHolder
from server.gateway.user_servers.serving import Running, running
from unmanaged.damage import offline
from yarnhub.client.access.settings import Settings
from yarnhub.integrations.kernels.gateway_holder import GatewayHolder
from yarnhub.kernels.local_holder import LocalKernelHolder

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from yarnhub.cluster import HadoopCluster
    from yarnhub.integrations.kernels.gateway_holder import GatewayKernel
    from yarnhub.kernels.kernel import KernelHolder
    from yarnhub.kernels.request import KernelRequest

pytestmark = pytest.mark.jupyter


class InstallingHolder(GatewayHolder):
    """Installs a kernelspec at the service for each request, as the service uses no other argv."""

    def __init__(self, service: Running, *args: Any) -> None:
        super().__init__(*args)
        self._service = service

    async def start(self, request: KernelRequest) -> GatewayKernel:
        folder = self._service.folder / "kernels" / request.name
        folder.mkdir(parents=True, exist_ok=True)
        config = {"memory": request.memory, "python": request.python}
        spec = {
            "argv": request.argv
            if "{connection_file}" in request.argv
            else [*request.argv, "{connection_file}"],
            "display_name": request.name,
            "language": "python",
            "env": dict(request.env),
            "metadata": {"kernel_provisioner": {"provisioner_name": "yarnhub", "config": config}},
        }
        (folder / "kernel.json").write_text(json.dumps(spec))
        return await super().start(request)


class TestGatewayHolder(HolderContract):
    """See `HolderContract`; the kernels are processes of this machine."""

    @pytest.fixture
    def python(self) -> Path:
        return Path(sys.executable)

    @pytest.fixture
    async def holder(self, tmp_path: Path) -> AsyncIterator[GatewayHolder]:
        cluster = Cluster()
        processes = ProcessKernelHolder(cluster, offline(tmp_path), tmp_path / "held")
        try:
            async with _holding(tmp_path, processes) as holder:
                yield holder
        finally:
            await cluster.close()


@pytest.mark.cluster
class TestGatewayHolderOnYarn(HolderContract):
    """See `HolderContract`; the service's kernels run in YARN's containers."""

    @pytest.fixture
    def python(self, shared_python: Path) -> Path:
        return shared_python

    @pytest.fixture
    async def holder(
        self, hadoop_cluster: HadoopCluster, tmp_path: Path
    ) -> AsyncIterator[GatewayHolder]:
        env = {**hadoop_cluster.env, "SKEIN_CONFIG": str(tmp_path / "config")}
        settings = Settings.from_environment(env, None)
        yarn = LocalKernelHolder(settings, folder=tmp_path / "held", host="localhost")
        async with _holding(tmp_path, yarn) as holder:
            yield holder


@contextlib.asynccontextmanager
async def _holding(folder: Path, held: KernelHolder) -> AsyncIterator[GatewayHolder]:
    async with running(folder, held, cluster_user=str) as service:
        async with InstallingHolder(service, service.settings()) as holder:
            yield holder
        for kernel in held.kernels():
            await kernel.stop(now=True)
