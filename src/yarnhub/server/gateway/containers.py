"""What kernels in containers hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from yarnhub.kernels import kernelspec
from yarnhub.sessions.limits import Size

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yarnhub.kernels.request import KernelRequest
    from yarnhub.server.gateway.identity import Identity

# Any, in this module: jupyter_client's KernelSpec, whose metadata is JSON


def size_of(
    kernel_id: str, name: str, spec: Any, env: Mapping[str, str], identity: Identity
) -> Size:
    """What a kernel in a container holds.

    Args:
        kernel_id: The kernel's id.
        name: The kernelspec's name.
        spec: The kernelspec, of kernels in containers.
        env: The variables of the request.
        identity: The user.

    Raises:
        SpecError: The kernelspec is invalid, or does not allow what the request asks for.
    """
    request = kernelspec.request_of(
        kernelspec.read(spec.metadata["kernel_provisioner"].get("config") or {}),
        kernelspec.Kernelspec(
            name=name, argv=spec.argv, env=spec.env, interrupt_mode=spec.interrupt_mode
        ),
        id=kernel_id,
        owner=identity.name,
        user=identity.cluster_user,
        asked=env,
    )
    return size_of_request(request)


def size_of_request(request: KernelRequest) -> Size:
    """What the kernel of a request holds."""
    return Size(memory=request.memory, vcores=request.vcores)
