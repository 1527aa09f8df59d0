"""The request of a kernel that a user's own server wants to start."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from jupyter_client.kernelspec import NoSuchKernel

from yarnhub.base.errors import SpecError
from yarnhub.base.foreign_text import quoted
from yarnhub.integrations.kernels.container_kernel import is_for_containers
from yarnhub.kernels.kernelspec import Kernelspec, read, request_of
from yarnhub.kernels.service_protocol import KernelNotFoundError

if TYPE_CHECKING:
    from yarnhub.kernels.request import KernelRequest
    from yarnhub.kernels.service_protocol import Start
    from yarnhub.server.gateway.identity import Identity
    from yarnhub.server.gateway.service import Service


async def request_for(
    service: Service, identity: Identity, kernel_id: str, start: Start, *, connect: bool = False
) -> KernelRequest:
    """The request, from the service's own kernelspec, not from one that the server has sent.

    Args:
        service: All parts of the service.
        identity: The user.
        kernel_id: The kernel's id.
        start: What the client has sent.
        connect: Whether it is for a Spark Connect server.

    Raises:
        KernelNotFoundError: There is no such kernelspec, or the user cannot use it.
        SpecError: The kernelspec does not allow what is asked for.
        YarnhubError: The user's environments cannot be read.
    """
    spec = await _kernelspec(service, identity, start.name)
    config = spec.metadata["kernel_provisioner"].get("config") or {}
    request = request_of(
        read(config),
        Kernelspec(
            name=start.name,
            argv=spec.argv,
            env=spec.env,
            interrupt_mode=spec.interrupt_mode or "signal",
        ),
        id=kernel_id,
        owner=identity.name,
        user=identity.cluster_user,
        asked={
            name: value
            for name, value in start.env.items()
            if any(fnmatchcase(name, pattern) for pattern in service.allowed_env)
        },
        cwd=start.cwd,
        notebook=start.notebook,
        connect=connect,
    )
    return replace(request, note=start.note)


async def for_connect(service: Service, identity: Identity) -> str:
    """The first kernelspec, by name, with which a user can start a Spark Connect server.

    Raises:
        KernelNotFoundError: There is none.
    """
    names: list[str] = sorted(await asyncio.to_thread(service.specs.get_all_specs))
    for name in names:
        with contextlib.suppress(KernelNotFoundError, SpecError):
            spec = await _kernelspec(service, identity, name)
            spark = read(spec.metadata["kernel_provisioner"].get("config") or {}).spark
            if spark is not None and spark.connect:
                return name
    raise KernelNotFoundError("There is no kernelspec for Spark Connect")


async def _kernelspec(service: Service, identity: Identity, name: str) -> Any:
    # Any: jupyter_client's, or of another manager
    with contextlib.suppress(NoSuchKernel):
        spec = await service.kernelspec(identity, name)
        if is_for_containers(spec):
            return spec
    raise KernelNotFoundError(f"There is no kernelspec {quoted(name)}")
