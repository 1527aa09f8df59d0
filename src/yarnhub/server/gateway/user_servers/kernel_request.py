"""The request of a kernel that a user's own server wants to start."""

from __future__ import annotations

from dataclasses import replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from jupyter_client.kernelspec import NoSuchKernel
from jupyter_core.utils import ensure_async

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
    service: Service, identity: Identity, kernel_id: str, start: Start
) -> KernelRequest:
    """The request, from the service's own kernelspec, not from one that the server has sent.

    Raises:
        KernelNotFoundError: There is no such kernelspec, or the user cannot use it.
        SpecError: The kernelspec does not allow what is asked for.
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
    )
    return replace(request, note=start.note)


async def _kernelspec(service: Service, identity: Identity, name: str) -> Any:
    # Any: jupyter_client's, or of another manager
    if service.policy.allows(name, identity.name, identity.groups):
        try:
            spec = await ensure_async(service.specs.get_kernel_spec(name))
        except (NoSuchKernel, KeyError):
            spec = None
        if spec is not None and is_for_containers(spec):
            return spec
    raise KernelNotFoundError(f"There is no kernelspec {quoted(name)}")
