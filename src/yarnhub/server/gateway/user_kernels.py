"""One user's kernels, for handlers: no others, and starts only within the user's limits."""

from __future__ import annotations

import contextlib
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from jupyter_client.kernelspec import NoSuchKernel
from jupyter_core.utils import ensure_async
from tornado import web

from yarnhub.base.errors import SpecError, YarnhubError
from yarnhub.server.audit import Event
from yarnhub.server.gateway.environment_kernelspecs import PREFIX, is_of_environment
from yarnhub.server.gateway.owners import Owned
from yarnhub.server.gateway.user_kernelspecs import UserKernelspecs
from yarnhub.sessions.limits import LimitReachedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yarnhub.server.gateway.identity import Identity
    from yarnhub.server.gateway.service import Service
    from yarnhub.server.gateway.start_request import StartRequest
    from yarnhub.sessions.limits import Size

# Any, in this module: jupyter_server's managers and models have no types


class UserKernels:
    """The kernels of one user, with the methods that jupyter_server's handlers call.

    Unknown ids and ids of other users raise the same error, with status 404.

    Args:
        service: All parts of the service.
        identity: The user.
        origin: Where the request comes from, for the audit log.

    Attributes:
        identity: The user.
        default_kernel_name: The kernelspec of requests that name none; see `choose_default`.
    """

    def __init__(self, service: Service, identity: Identity, origin: Mapping[str, object]) -> None:
        self._service = service
        self._origin = origin
        self.identity = identity
        self.default_kernel_name: str = service.manager.default_kernel_name

    # --- what does not change a kernel

    async def choose_default(self) -> str:
        """Set `default_kernel_name` to a kernelspec that the user can use, if there is one."""
        offered = await UserKernelspecs(self._service, self.identity).get_all_specs()
        if self.default_kernel_name not in offered:
            self.default_kernel_name = min(
                offered,
                # First the site's: environments are shared by users, too.
                key=lambda name: (name.startswith(PREFIX), name),
                default=self.default_kernel_name,
            )
        return self.default_kernel_name

    def get_kernel(self, kernel_id: str) -> Any:
        """The manager of one kernel."""
        self._require_own(kernel_id, "connect")
        return self._service.manager.get_kernel(kernel_id)

    async def kernel_model(self, kernel_id: str) -> Any:
        """The model of one kernel."""
        self._require_own(kernel_id, "read")
        return await self._model(kernel_id)

    async def list_kernels(self) -> list[Any]:
        """The models of all of the user's kernels."""
        manager = self._service.manager
        models = []
        for kernel_id, owned in self._service.owners.all().items():
            if owned.owner == self.identity.name and kernel_id in manager:
                models.append(await self._model(kernel_id))
        return models

    async def _model(self, kernel_id: str) -> Any:
        model = await ensure_async(self._service.manager.kernel_model(kernel_id))
        used = self._service.owners.usage(kernel_id)
        return {**model, "usage": {"memory": used.memory, "vcores": used.vcores}}

    # --- what does

    async def start(self, request: StartRequest) -> str:
        """Start a kernel; returns its id.

        Raises:
            HTTPError: It is refused, with words for the user.
        """
        name = (request.name or await self.choose_default()).lower()
        kernel_id = request.id or str(uuid.uuid4())
        try:
            self._check_username(request.username)
            await self._start(kernel_id, name, dict(request.env))
        except web.HTTPError as error:
            self.refused("start", error.log_message or "", kernel=request.id, name=name)
            self._service.metrics.failed("refused")
            raise
        self._record(Event.START, kernel_id, name=name)
        return kernel_id

    async def shutdown_kernel(self, kernel_id: str) -> None:
        """Shut a kernel down."""
        self._require_own(kernel_id, "stop")
        await ensure_async(self._service.manager.shutdown_kernel(kernel_id))
        self._record(Event.STOP, kernel_id)

    async def interrupt_kernel(self, kernel_id: str) -> None:
        """Interrupt what a kernel executes."""
        self._require_own(kernel_id, "interrupt")
        await ensure_async(self._service.manager.interrupt_kernel(kernel_id))
        self._record(Event.INTERRUPT, kernel_id)

    async def restart_kernel(self, kernel_id: str) -> None:
        """Restart a kernel; one that is dead needs a new container, within the limits.

        The new container has the current version of an environment.

        Raises:
            HTTPError: It is refused, with words for the user.
        """
        self._require_own(kernel_id, "restart")
        owners, manager = self._service.owners, self._service.manager
        owned = self._owned(kernel_id)
        if owners.is_dead(kernel_id):
            try:
                spec = await self._kernelspec_of_environment(kernel_id)
                groups = await self._service.groups_for_limits(self.identity.name)
                self._require_own(kernel_id, "restart")
                if spec is not None:
                    manager.get_kernel(kernel_id).use(spec)
                    owned = replace(owned, size=self._size(kernel_id, spec))
                self._service.check_limits(self.identity, groups, owned.size)
            except YarnhubError as error:
                self.refused("restart", str(error), kernel=kernel_id)
                raise web.HTTPError(_status(error), str(error)) from error
        # It counts all the time, also between the end of its container and the start of another.
        with owners.starting(kernel_id, owned):
            await ensure_async(manager.restart_kernel(kernel_id))
        self._record(Event.RESTART, kernel_id)

    async def _kernelspec_of_environment(self, kernel_id: str) -> Any:
        """The current kernelspec of a kernel that had one of an environment; None if it had not."""
        name = self._service.manager.get_kernel(kernel_id).kernel_name
        if not name.startswith(PREFIX):
            return None
        spec = await self._kernelspec(name)
        return spec if is_of_environment(spec) else None

    def _size(self, kernel_id: str, spec: Any) -> Size:
        """What a kernel will hold with another kernelspec of the same name."""
        manager = self._service.manager
        name, env = manager.get_kernel(kernel_id).kernel_name, manager.variables_of(kernel_id)
        return self._service.size_of(kernel_id, name, spec, env, self.identity)

    def _owned(self, kernel_id: str) -> Owned:
        owned = self._service.owners.find(kernel_id)
        assert owned is not None
        return owned

    def connected(self, kernel_id: str) -> None:
        """Note that a websocket of a kernel was opened."""
        self._record(Event.CONNECT, kernel_id)

    def check_user(self, named: str) -> None:
        """Refuse a request that names another user.

        Raises:
            HTTPError: It does.
        """
        try:
            self._check_username(named)
        except web.HTTPError as error:
            self.refused("read", error.log_message or "")
            raise

    def refused(self, action: str, reason: str, **fields: object) -> None:
        """Note that a request was refused."""
        self._service.audit.write(
            Event.REFUSE,
            self.identity.name,
            action=action,
            reason=reason,
            **self._origin,
            **fields,
        )

    # --- how

    async def _start(self, kernel_id: str, name: str, env: dict[str, str]) -> None:
        service, identity = self._service, self.identity
        try:
            spec = await self._kernelspec(name)
            groups = await service.groups_for_limits(identity.name)
            size = service.size_of(kernel_id, name, spec, env, identity)
            # Nothing is awaited from here to the start: two requests cannot both fit.
            if service.owners.is_taken(kernel_id):
                raise self._taken(kernel_id)
            service.check_limits(identity, groups, size)
            owned = Owned(owner=identity.name, cluster_user=identity.cluster_user, size=size)
            with service.owners.starting(kernel_id, owned):
                await service.start(kernel_id, name, spec, env, identity)
        except (YarnhubError, ValueError) as error:
            raise web.HTTPError(_status(error), str(error)) from error

    async def _kernelspec(self, name: str) -> Any:
        with contextlib.suppress(NoSuchKernel):
            spec = await self._service.kernelspec(self.identity, name)
            if self._service.is_offered(spec):
                return spec
        raise web.HTTPError(404, f"There is no kernelspec {name!r}")

    def _require_own(self, kernel_id: str, action: str) -> None:
        owned = self._service.owners.find(kernel_id)
        if owned is not None and owned.owner == self.identity.name:
            return
        if owned is not None:
            self.refused(action, "a kernel of another user", kernel=kernel_id, owner=owned.owner)
        raise _unknown(kernel_id)

    def _taken(self, kernel_id: str) -> web.HTTPError:
        owners = self._service.owners
        owned = owners.find(kernel_id)
        owner = owned.owner if owned is not None else owners.owner_elsewhere(kernel_id)
        if owner == self.identity.name:
            return web.HTTPError(409, f"There is already a kernel with the id {kernel_id}")
        return _unknown(kernel_id)

    def _check_username(self, named: str) -> None:
        identity = self.identity
        if named and named not in {identity.name, identity.cluster_user}:
            raise web.HTTPError(
                403,
                f"The request names the user {named[:100]!r} (KERNEL_USERNAME), but you are "
                f"{identity.name!r}. Remove KERNEL_USERNAME from the client's environment.",
            )

    def _record(self, event: Event, kernel_id: str, **fields: object) -> None:
        self._service.audit.write(
            event,
            self.identity.name,
            owner=self.identity.name,
            kernel=kernel_id,
            **self._origin,
            **fields,
        )


def _status(error: YarnhubError | ValueError) -> int:
    match error:
        case LimitReachedError():
            return 403
        case SpecError() | ValueError():
            return 400
        case _:
            return 503


def _unknown(kernel_id: str) -> web.HTTPError:
    # As jupyter_server words it.
    return web.HTTPError(404, f"Kernel does not exist: {kernel_id}")
