"""The parts of the service that its handlers use."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from jupyter_client.kernelspec import NoSuchKernel
from jupyter_core.utils import ensure_async

from yarnhub.base.background import BackgroundTasks
from yarnhub.kernels.protocol import Room
from yarnhub.server.gateway.environment_kernelspecs import (
    MOST,
    PREFIX,
    by_kernelspec,
    check_resources,
    is_of_environment,
    kernelspec_of,
)
from yarnhub.server.gateway.shared_holdings import SharedHoldings
from yarnhub.sessions.limits import Held
from yarnhub.sessions.shared_limits import SharedLimits

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from yarnhub.kernels.kernel import Kernel
    from yarnhub.server.audit import AuditLog
    from yarnhub.server.gateway.identity import GatewayIdentityProvider, Identity
    from yarnhub.server.gateway.kernelspec_policy import KernelspecPolicy
    from yarnhub.server.gateway.metrics import Metrics
    from yarnhub.server.gateway.owners import Owners
    from yarnhub.server.gateway.user_environments import UserEnvironments
    from yarnhub.server.gateway.websockets import Websockets
    from yarnhub.sessions.limits import Limits, Size

_log = logging.getLogger(__name__)

_WAIT = "A kernel that was shut down is still ending: try again in a few seconds."
"""Advice for a user who has reached a limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """The parts of the service.

    Attributes:
        manager: jupyter_server's kernel manager.
        specs: The manager of the kernelspecs in folders.
        environments: Which environments users can read; None if the service offers no kernels of
            environments.
        environment_config: The keys of `config` of all kernelspecs of environments.
        identities: Who requests are from.
        owners: Whose kernels there are.
        others: What users hold at other processes of the service.
        policy: Who can use which kernelspecs.
        limits: How much users can hold, by the configuration.
        shared_limits: What administrators have set instead, or besides.
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
    environments: UserEnvironments | None = None
    environment_config: Mapping[str, object] = field(default_factory=dict)
    shared_limits: SharedLimits = field(default_factory=SharedLimits)

    @property
    def current_limits(self) -> Limits:
        """How much users can hold at the moment."""
        return self.shared_limits.over(self.limits)

    def allows(self, identity: Identity, name: str) -> bool:
        """Whether the policy allows a user to use a kernelspec."""
        return self.policy.allows(name, identity.name, identity.groups)

    async def environment_kernelspecs(self, identity: Identity) -> dict[str, Any]:
        """The kernelspecs of a user's environments, by name, as they were some seconds ago."""
        if self.environments is None:
            return {}
        user = identity.cluster_user
        found = by_kernelspec(await self.environments.known(user), user, MOST)
        return {
            name: kernelspec_of(environment, user, self.environment_config)
            for name, environment in found.items()
            if self.allows(identity, name)
        }

    async def kernelspec(self, identity: Identity, name: str) -> Any:
        """The kernelspec from which a user's kernel is started.

        Of an environment, it is looked up as the user, and has the version that is current.

        Raises:
            NoSuchKernel: There is none with this name, or the user cannot use it.
            SpecError: The environment's resources exceed the limits of the site.
            YarnhubError: The environment cannot be read.
        """
        if not self.allows(identity, name):
            raise NoSuchKernel(name)
        try:
            return await ensure_async(self.specs.get_kernel_spec(name))
        except (NoSuchKernel, KeyError) as error:
            if self.environments is None or not name.startswith(PREFIX):
                raise NoSuchKernel(name) from error
        user = identity.cluster_user
        environment = await self.environments.find(user, name)
        if environment is None:
            raise NoSuchKernel(name)
        check_resources(environment, self.environment_config)
        return kernelspec_of(environment, user, self.environment_config)

    async def groups_for_limits(self, owner: str) -> dict[str, frozenset[str]]:
        """The groups of a user and of all who have kernels; empty if no limit needs them.

        Raises:
            HubUnavailableError: They are not known.
            YarnhubError: Who has kernels at other processes is not known.
        """
        if not self.current_limits.groups:
            return {}
        identities = self.identities
        look_up = identities.groups if self.limits.groups else identities.limit_groups.of
        names = {owner} | {owned.owner for owned in self.owners.all().values()}
        names |= {held.owner for held in self.owners.elsewhere({})}
        names |= {held.owner for held in self.others.held({})}
        return {name: await look_up(name) for name in names}

    def check_limits(
        self, identity: Identity, groups: Mapping[str, frozenset[str]], size: Size
    ) -> None:
        """Accept one more kernel; nothing may be awaited until it is among its owner's.

        Args:
            identity: Who wants the kernel.
            groups: See `groups_for_limits`.
            size: The kernel's.

        Raises:
            LimitReachedError: A limit would be exceeded.
            YarnhubError: What the other processes have accepted is not known.
        """
        with self.others.locked():
            own = self.owners.held(groups)
            held = [*own, *self.others.held(groups)]
            advice = _WAIT if self.owners.are_ending(identity.name) else ""
            own_groups = groups.get(identity.name, frozenset())
            self.current_limits.check(held, identity.name, own_groups, size, advice=advice)
            self.others.tell([*own, Held(owner=identity.name, size=size)])

    async def room(self, kernel: Kernel) -> Room:
        """How much the user of a kernel may hold besides, for what its process starts.

        A process has one Spark session at a time: what it has started so far does not count.

        Raises:
            YarnhubError: It is not known.
        """
        owner = kernel.request.owner
        groups = await self.groups_for_limits(owner)
        held = [*self.owners.held(groups), *self.others.held(groups)]
        left = self.current_limits.left(held, owner, groups.get(owner, frozenset()))
        return Room(
            memory=None if left.memory is None else max(0, left.memory + kernel.started.memory),
            vcores=None if left.vcores is None else max(0, left.vcores + kernel.started.vcores),
        )

    async def start(
        self, kernel_id: str, name: str, spec: Any, env: Mapping[str, str], identity: Identity
    ) -> None:
        """Have the kernel manager start a kernel; returns as soon as it is listed.

        Args:
            kernel_id: The kernel's id.
            name: The kernelspec's name.
            spec: The kernelspec, as `kernelspec` returns it.
            env: The variables of the request.
            identity: The user.

        Raises:
            Exception: Any error of the kernel manager or the provisioner.
        """
        begun = asyncio.get_running_loop().time()
        with contextlib.ExitStack() as stack:
            if is_of_environment(spec):
                stack.enter_context(self.manager.using(kernel_id, spec))
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
