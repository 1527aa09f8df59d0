"""Kernelspecs for Spark Connect, and the server of one user."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from server.gateway.user_servers.specs import SPEC
from yarnhub.kernels.connect import ConnectServer

if TYPE_CHECKING:
    from server.gateway.user_servers.serving import Running
    from server.gateway.user_servers.stub_holder import StubKernel

SPARK = {
    "version": "4.3.0", "libs": "libs", "python": [], "archive": "hdfs:///libs.tar.gz",
    "python_urls": [],
}  # fmt: skip
SERVER = ConnectServer(host="n1", port=15002, token="t" * 43, certificate="PEM")


def spec(**spark: object) -> dict[str, Any]:
    found = copy.deepcopy(SPEC)
    found["metadata"]["kernel_provisioner"]["config"]["spark"] = {**SPARK, **spark}
    return found


def only(service: Running) -> StubKernel:
    (kernel,) = service.stub.held.values()
    return kernel
