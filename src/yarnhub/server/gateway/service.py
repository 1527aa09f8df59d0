"""The parts of the service that its handlers use."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from jupyter_core.utils import ensure_async

from yarnhub.base.background import BackgroundTasks
from yarnhub.server.gateway.limits import Held
from yarnhub.server.gateway.shared_holdings import SharedHoldings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from yarnhub.server.gateway.audit import AuditLog
    from yarnhub.server.gateway.identity import GatewayIdentityProvider, Identity
    from yarnhub.server.gateway.kernelspec_policy import KernelspecPolicy
    from yarnhub.server.gateway.limits import Limits, Size
    from yarnhub.server.gateway.metrics import Metrics
    from yarnhub.server.gateway.owners import Owners
    from yarnhub.server.gateway.websockets import Websockets

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """The parts of the service.

    Attributes:
        manager: jupyter_server's kernel manager.
        specs: The manager of all kernelspecs.
        identities: Who requests are from.
        owners: Whose kernels there are.
        others: What users hold at other processes of the service.
        policy: Who can use which kernelspecs.
        limits: How much users can hold.
        is_offered: Whether kernels of a kernelspec can be started here.
        size_of: What a kernel holds: called with its id, the kernelspec's name, the kernelspec,
            the variables of the request, and the user. Raises `SpecError` if it is not allowed.
        allowed_env: Variables of requests that reach kernels: names or patterns.
        audit: The audit log.
        metrics: For Prometheus.
        metrics_token: For reading them; empty if there is none.
        websockets: The open ones.
        tasks: That outlive requests.
    """

    manager: Any  # jupyter_server's managers have no types
    specs: Any
    identities: GatewayIdentityProvider
    owners: Owners
    policy: KernelspecPolicy
    limits: Limits
    is_offered: Callable[[Any], bool]
    size_of: Callable[[str, str, Any, Mapping[str, str], Identity], Size]
    allowed_env: tuple[str, ...]
    audit: AuditLog
    metrics: Metrics
    metrics_token: str = field(default="", repr=False)
    websockets: Websockets
    others: SharedHoldings = field(default_factory=lambda: SharedHoldings(None, "", float))
    tasks: BackgroundTasks = field(default_factory=BackgroundTasks)

    async def groups_of_owners(self) -> dict[str, frozenset[str]]:
        """The groups of all who have kernels.

        Raises:
            HubUnavailableError: They are not known.
        """
        names = {owned.owner for owned in self.owners.all().values()}
        names |= {held.owner for held in self.owners.elsewhere({})}
        names |= {held.owner for held in self.others.held({})}
        return {name: await self.identities.groups(name) for name in names}

    def check_limits(
        self, identity: Identity, groups: Mapping[str, frozenset[str]], size: Size
    ) -> None:
        """Accept one more kernel; nothing may be awaited until it is among its owner's.

        Args:
            identity: Who wants the kernel.
            groups: The groups of all who have kernels.
            size: The kernel's.

        Raises:
            LimitReachedError: A limit would be exceeded.
            YarnhubError: What the other processes have accepted is not known.
        """
        with self.others.locked():
            own = self.owners.held(groups)
            held = [*own, *self.others.held(groups)]
            ending = self.owners.are_ending(identity.name)
            self.limits.check(held, identity.name, identity.groups, size, ending=ending)
            self.others.tell([*own, Held(owner=identity.name, size=size)])

    async def start(
        self, kernel_id: str, name: str, env: Mapping[str, str], identity: Identity
    ) -> None:
        """Have the kernel manager start a kernel; returns as soon as it is listed.

        Raises:
            Exception: Any error of the kernel manager or the provisioner.
        """
        begun = asyncio.get_running_loop().time()
        await ensure_async(
            self.manager.start_kernel(
                kernel_id=kernel_id,
                kernel_name=name,
                env={**env, "KERNEL_USERNAME": identity.cluster_user},
            )
        )
        self.metrics.started()
        _ = self.tasks.start(self._follow(kernel_id, begun), f"start of {kernel_id}")

    async def _follow(self, kernel_id: str, begun: float) -> None:
        """Note when a kernel is ready, or that it never is."""
        ready = self.manager.get_kernel(kernel_id).ready
        if not isinstance(ready, asyncio.Future):
            ready = asyncio.wrap_future(ready)
        try:
            await asyncio.shield(ready)
        except Exception as error:  # noqa: BLE001  # of any provisioner
            _log.debug("kernel %s has not started: %s", kernel_id, error)
            self.metrics.failed("start")
        else:
            self.metrics.ready(asyncio.get_running_loop().time() - begun)
