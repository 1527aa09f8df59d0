"""The servers whose Dask clusters `dask.py` measures, and their client."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from processes import family, peak, program
from submit import install_peer

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests"))
from integrations.dask_gateway.server import DaskGatewayServer  # noqa: E402

if TYPE_CHECKING:
    from typing import Self

    from yarnhub.cluster import HadoopCluster

OURS = "yarnhub.integrations.dask_gateway.YarnBackend"
UPSTREAM = "dask_gateway_server.backends.yarn.YarnBackend"
PROXY = "dask-gateway-proxy"
CONFIG = f"""
from dask_gateway_server.options import Bool, Options

WORKER = [{sys.executable!r}, "-m", "distributed.cli.dask_worker"]

def options(chosen):
    return {{"worker_cmd": WORKER if chosen.nanny else [*WORKER, "--no-nanny"]}}

c.Backend.cluster_options = Options(Bool("nanny", default=True), handler=options)
c.YarnClusterConfig.scheduler_cmd = [{sys.executable!r}, "-m", "distributed.cli.dask_scheduler"]
c.YarnClusterConfig.scheduler_memory = "1 G"
c.YarnClusterConfig.worker_memory = "512 M"
c.YarnBackend.cluster_start_timeout = c.YarnBackend.worker_start_timeout = 600
"""
"""Of all servers. Containers run the Python of this environment, which is on every node: no archive
is unpacked. Without the timeouts, dask-gateway's backend would replace workers that start late."""


class Client:
    """The process of `dask_client.py`, one user of all servers; a context manager."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-P", HERE / "dask_client.py"],  # -P: without `dask.py` on its path
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()

    def life(self, server: DaskGatewayServer, *, nanny: bool, workers: int) -> tuple[float, float]:
        """See `dask_client.life`."""
        words = [server.address, server.proxy_address, {"nanny": nanny}, workers]
        self._process.stdin.write(json.dumps(words) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, f"the client has ended\n{server.tail()}"
        started, scaled = json.loads(answer)
        return started, scaled


@dataclass(frozen=True)
class Memory:
    """What a server has held at most, in MiB.

    Attributes:
        server: Itself, and the JVM of skein 0.8.2.
        proxy: dask-gateway's proxy, the same program for all.
    """

    server: float
    proxy: float


def memory(server: DaskGatewayServer) -> Memory:
    """The memory of a server with all that it has started."""
    peaks = {True: 0.0, False: 0.0}
    for pid in family(server.pid):
        peaks[program(pid) == PROXY] += peak(pid)
    return Memory(server=peaks[False], proxy=peaks[True])


def server(
    folder: Path, cluster: HadoopCluster, backend: str, python: Path | None = None
) -> DaskGatewayServer:
    """A server that is not started.

    Args:
        folder: For itself.
        cluster: Where its clusters run.
        backend: Its backend's class.
        python: The interpreter of its environment; None for the one of this process.
    """
    config = f"{CONFIG}c.DaskGateway.backend_class = {backend!r}\n"
    programs = Path(python or sys.executable).parent
    return DaskGatewayServer(folder, cluster, config, programs)


def install_upstream(folder: Path) -> Path:
    """Install skein 0.8.2, and dask-gateway's server as this environment has it.

    Returns:
        The interpreter.
    """
    python = install_peer(folder)
    uv = Path(sys.executable).with_name("uv")
    what = ["--locked", "--no-default-groups", "--no-install-project", "--extra", "dask-gateway"]
    where = ["--inexact", "--project", HERE.parent, "--python", python]
    variables = {**os.environ, "UV_PROJECT_ENVIRONMENT": str(folder)}
    subprocess.run([uv, "sync", "-q", *what, *where], check=True, env=variables)
    return python
