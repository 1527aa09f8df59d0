"""One user's view of the kernelspecs: what handlers have instead of their manager."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyter_client.kernelspec import NoSuchKernel
from jupyter_core.utils import ensure_async

if TYPE_CHECKING:
    from yarnhub.server.gateway.identity import Identity
    from yarnhub.server.gateway.kernelspec_policy import KernelspecPolicy


class UserKernelspecs:
    """The kernelspecs that one user can use, for jupyter_server's handlers.

    Args:
        manager: Of all kernelspecs.
        policy: Who can use which.
        identity: The user.
    """

    def __init__(self, manager: Any, policy: KernelspecPolicy, identity: Identity) -> None:
        # Any: jupyter_client's managers may be replaced by others
        self._manager = manager
        self._policy = policy
        self._identity = identity

    async def get_all_specs(self) -> dict[str, Any]:
        """The kernelspecs by name."""
        found = await ensure_async(self._manager.get_all_specs())
        return {name: spec for name, spec in found.items() if self._allows(name)}

    async def get_kernel_spec(self, name: str) -> Any:
        """One kernelspec.

        Raises:
            NoSuchKernel: There is none with this name, or the user cannot use it.
        """
        if not self._allows(name):
            raise NoSuchKernel(name)
        return await ensure_async(self._manager.get_kernel_spec(name))

    def _allows(self, name: str) -> bool:
        return self._policy.allows(name, self._identity.name, self._identity.groups)
