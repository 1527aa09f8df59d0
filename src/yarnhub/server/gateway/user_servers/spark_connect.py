"""Spark Connect servers: each user has one, a kernel that no notebook uses."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, assert_never

from yarnhub.base.foreign_text import quoted
from yarnhub.client.explain.words import sentence
from yarnhub.control.words import brief
from yarnhub.kernels.kernel import KernelState
from yarnhub.kernels.programs import CONNECT
from yarnhub.kernels.service_protocol import (
    ConnectModel,
    ConnectState,
    KernelNotFoundError,
    KernelServiceError,
    Start,
)
from yarnhub.server.gateway.user_servers.kernel_request import for_connect, request_for

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yarnhub.kernels.kernel import Kernel, KernelHolder
    from yarnhub.server.gateway.identity import Identity
    from yarnhub.server.gateway.user_servers.kernels import ServerKernels

_SUBMITTING = "YARN has not accepted the application so far."
_DOWNLOADS = "The first one on a node waits until Spark has been downloaded."


class SparkConnect:
    """The Spark Connect servers of all users; each user sees only their own.

    Args:
        kernels: All kernels that the service holds.
    """

    def __init__(self, kernels: ServerKernels) -> None:
        self._kernels = kernels

    async def start(
        self, identity: Identity, name: str, env: dict[str, str], origin: Mapping[str, object]
    ) -> ConnectModel:
        """Start a user's server, or return the one that runs or is being started.

        Cancelling leaves the start running.

        Args:
            identity: The user.
            name: The kernelspec's; empty for the first one that has `spark.connect`.
            env: Variables `KERNEL_*`.
            origin: Where the request is from, for the audit log.

        Raises:
            KernelNotFoundError: There is no such kernelspec.
            KernelServiceError: The one that runs is another one than what is asked for.
            YarnhubError: The server was refused.
        """
        asked = name
        holder = await self._kernels.holder()
        found = _latest(holder, identity.name)
        if found is not None and self._is_ending(found):
            await self._kernels.stop(identity, found.id, now=True, origin=origin)
        if not self._alive(holder, identity.name) and not name:
            name = await for_connect(self._kernels.service, identity)
        # Nothing is awaited from here until it is among those being started.
        kernel_id = self._alive(holder, identity.name) or str(uuid.uuid4())
        start = Start(name=name, env=env)
        kernel = await self._kernels.started(
            holder, identity, kernel_id, start, origin, connect=True
        )
        for each in _all(holder, identity.name):
            if each.status.state is KernelState.DEAD and each is not kernel:
                holder.forget(each.id)
        await self._check_same(identity, kernel, asked, env)
        return self._told(identity, kernel, origin)

    def _told(
        self, identity: Identity, kernel: Kernel, origin: Mapping[str, object]
    ) -> ConnectModel:
        """A server for its owner, after it has been recorded who gets its token."""
        shown = model(kernel)
        if kernel.id in self._kernels.stopping:
            return _ended(kernel, "It is being stopped.")
        if shown.state is ConnectState.READY:
            self._kernels.connected(identity, kernel.id, origin)
        return shown

    async def _check_same(
        self, identity: Identity, kernel: Kernel, name: str, env: Mapping[str, str]
    ) -> None:
        """Refuse a server that was started for something else than what is asked for now."""
        running = kernel.request
        different = ""
        if name not in ("", running.name):
            different = f"with the kernelspec {quoted(running.name)}"
        elif env:
            start = Start(name=running.name, env=dict(env))
            request = await request_for(
                self._kernels.service, identity, kernel.id, start, connect=True
            )
            names = [each for each in env if request.env.get(each) != running.env.get(each)]
            if names:
                different = f"with another {' and another '.join(sorted(names))}"
        if different:
            raise KernelServiceError(
                f"You have a Spark Connect server already, {different}. Stop it first: "
                "yarnhub spark connect --stop"
            )

    def _is_ending(self, kernel: Kernel) -> bool:
        return model(kernel).state is ConnectState.ENDED or kernel.id in self._kernels.stopping

    def _alive(self, holder: KernelHolder, owner: str) -> str:
        """The id of a user's server that runs or is being started; empty if there is none."""
        if starting := self._kernels.starting_connect(owner):
            return starting
        found = _latest(holder, owner)
        return found.id if found and found.status.state is not KernelState.DEAD else ""

    async def get(self, identity: Identity, origin: Mapping[str, object]) -> ConnectModel:
        """A user's server, also one that has ended.

        Raises:
            KernelNotFoundError: There is none.
            NotReadyError: That is not known.
        """
        holder = await self._kernels.holder()
        if self._kernels.starting_connect(identity.name):
            return ConnectModel(state=ConnectState.WAITING, reason=_SUBMITTING)
        found = _latest(holder, identity.name)
        if found is None:
            raise _none()
        return self._told(identity, found, origin)

    async def stop(self, identity: Identity, origin: Mapping[str, object]) -> None:
        """Stop a user's server, or cancel its start; returns when it is gone.

        Cancelling leaves that running.

        Raises:
            KernelNotFoundError: There is none.
            YarnhubError: YARN does not respond.
        """
        holder = await self._kernels.holder()
        starting = self._kernels.starting_connect(identity.name)
        found = _latest(holder, identity.name)
        kernel_id = starting or (found.id if found is not None else "")
        if not kernel_id:
            raise _none()
        try:
            await self._kernels.stop(identity, kernel_id, now=False, origin=origin)
            await self._kernels.forget(identity, kernel_id, origin)
        except KernelNotFoundError:
            return  # its start was cancelled


def _all(holder: KernelHolder, owner: str) -> list[Kernel]:
    """A user's servers, oldest first."""
    return [
        each
        for each in holder.kernels()
        if each.request.owner == owner and each.request.program == CONNECT
    ]


def _latest(holder: KernelHolder, owner: str) -> Kernel | None:
    found = _all(holder, owner)
    return found[-1] if found else None


def _none() -> KernelNotFoundError:
    return KernelNotFoundError("You have no Spark Connect server.")


def model(kernel: Kernel) -> ConnectModel:
    """A server as its owner sees it."""
    status, server, application = kernel.status, kernel.connect, kernel.application_id
    if server is not None and server.error and server.generation >= status.generation:
        return _ended(kernel, server.error)  # also while its process and its container end
    match status.state:
        case KernelState.WAITING if status.node:
            state = ConnectState.STARTING
            reason = f"The container on {status.node} is starting. {_DOWNLOADS}"
        case KernelState.WAITING:
            state = ConnectState.WAITING
            reason = "Waiting for a container."
            if status.waits_for is not None:
                reason = f"{reason} {sentence(status.waits_for)}"
        case KernelState.STARTING | KernelState.RUNNING:
            if server is not None and not server.error:
                return ConnectModel(
                    state=ConnectState.READY,
                    application=application,
                    remote=server.remote,
                    certificate=server.certificate,
                )
            state = ConnectState.STARTING
            reason = f"Spark is starting on {status.node}."
        case KernelState.ENDED | KernelState.DEAD:
            return _ended(kernel, _end(kernel))
        case _:
            assert_never(status.state)
    return ConnectModel(state=state, reason=reason, application=application)


def _ended(kernel: Kernel, reason: str) -> ConnectModel:
    return ConnectModel(state=ConnectState.ENDED, reason=reason, application=kernel.application_id)


def _end(kernel: Kernel) -> str:
    """Why a server has ended, as far as that is known."""
    outcome = kernel.status.outcome
    text = brief(outcome, more_memory="start it with more memory") if outcome is not None else ""
    return f"The Spark Connect server has ended: {text}" if text else "It has ended."
