"""One user's view of the kernelspecs: what handlers have instead of their manager."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyter_client.kernelspec import KernelSpec, NoSuchKernel
from jupyter_core.utils import ensure_async

from yarnhub.server.gateway.shown_kernelspecs import shown

if TYPE_CHECKING:
    from yarnhub.server.gateway.identity import Identity
    from yarnhub.server.gateway.service import Service


class UserKernelspecs:
    """The kernelspecs that one user can use, for jupyter_server's handlers.

    Args:
        service: All parts of the service.
        identity: The user.
    """

    def __init__(self, service: Service, identity: Identity) -> None:
        self._service = service
        self._identity = identity

    async def get_all_specs(self) -> dict[str, Any]:
        """The kernelspecs by name."""
        found = await ensure_async(self._service.specs.get_all_specs())
        specs = await self._service.environment_kernelspecs(self._identity) | {
            name: KernelSpec(resource_dir=each["resource_dir"], **each["spec"])
            for name, each in found.items()
            if self._service.allows(self._identity, name)
        }
        return {
            name: {"resource_dir": spec.resource_dir, "spec": shown(spec)}
            for name, spec in specs.items()
            if self._service.is_offered(spec)
        }

    async def get_kernel_spec(self, name: str) -> Any:
        """One kernelspec.

        Raises:
            NoSuchKernel: There is none with this name, or the user cannot use it.
        """
        if self._service.allows(self._identity, name):
            try:
                spec = await ensure_async(self._service.specs.get_kernel_spec(name))
            except (NoSuchKernel, KeyError):
                spec = (await self._service.environment_kernelspecs(self._identity)).get(name)
            if spec is not None and self._service.is_offered(spec):
                return KernelSpec(resource_dir=spec.resource_dir, **shown(spec))
        raise NoSuchKernel(name)
