"""What can be asked of a running application, wherever its ApplicationMaster runs."""

from __future__ import annotations

import abc
from typing import TYPE_CHECKING, TypeVar

from yarnhub.control import messages

if TYPE_CHECKING:
    from collections.abc import Iterable

    from yarnhub.control.messages import (
        Condition,
        Container,
        ContainerState,
        Entry,
        FinalStatus,
        KeyEvents,
        KeyRange,
        Operation,
        Request,
        Transacted,
    )

A = TypeVar("A")

WAIT = 25.0
"""Seconds that one request waits for a key before it is asked again."""


class Requests(abc.ABC):
    """The requests of `control.messages` as methods; whoever has `ask` has them all."""

    @abc.abstractmethod
    async def ask(self, request: Request[A]) -> A:
        """Send any request of `control.messages`; returns its class of answer.

        Raises:
            ControlError: It was refused; nothing was changed.
        """

    # --- the application

    async def get_specification(self) -> str:
        """The effective specification as a JSON document."""
        return (await self.ask(messages.GetSpecification())).document

    async def shutdown(
        self,
        status: FinalStatus = messages.FinalStatus.SUCCEEDED,
        diagnostics: str = "",
    ) -> None:
        """Have the application end with this status."""
        await self.ask(messages.Shutdown(status=status, diagnostics=diagnostics))

    async def set_progress(self, progress: float) -> None:
        """Show progress, 0 to 1, in YARN's reports."""
        await self.ask(messages.SetProgress(progress=progress))

    # --- tokens

    async def update_tokens(self, tokens: bytes) -> None:
        """Have the application use other delegation tokens, from a token file (HDTS)."""
        await self.ask(messages.UpdateTokens(tokens=tokens))

    async def get_tokens(self, after: int = -1, patience: float = 0.0) -> messages.Tokens:
        """The delegation tokens that the application was given since it began.

        Args:
            after: Only newer ones than those of this number.
            patience: Seconds to wait for them, 25 at most; after them the answer has none.
        """
        return await self.ask(messages.WatchTokens(after=after, timeout=min(patience, WAIT)))

    # --- containers

    async def get_containers(
        self,
        services: Iterable[str] | None = None,
        states: Iterable[ContainerState] | None = messages.ACTIVE_STATES,
    ) -> tuple[Container, ...]:
        """Containers, sorted by service and instance; None filters nothing."""
        request = messages.GetContainers(
            services=None if services is None else tuple(services),
            states=None if states is None else tuple(states),
        )
        return (await self.ask(request)).containers

    async def scale(
        self, service: str, *, count: int | None = None, delta: int | None = None
    ) -> tuple[Container, ...]:
        """Have `count` active instances, or `delta` more; returns the containers touched."""
        request = messages.Scale(service=service, count=count, delta=delta)
        return (await self.ask(request)).containers

    async def add_container(self, service: str, env: dict[str, str] | None = None) -> Container:
        """Start one more instance, with `env` over the service's own variables."""
        return await self.ask(messages.AddContainer(service=service, env=env or {}))

    async def kill_container(self, container_id: str) -> None:
        """End a container, such as `worker_3`; one that has ended is no error."""
        await self.ask(messages.KillContainer(id=container_id))

    # --- keys

    async def get(self, key: str) -> Entry | None:
        """A key's value and owner; None if it is not set."""
        entries = (await self.ask(messages.GetKey(key=key))).entries
        return entries[0] if entries else None

    async def wait(self, key: str) -> Entry:
        """A key's value and owner, as soon as it is set.

        Waits as long as the application runs. Cancelling leaves nothing behind.
        """
        while True:
            entries = (await self.ask(messages.WaitKey(key=key, timeout=WAIT))).entries
            if entries:
                return entries[0]

    async def put(self, key: str, value: bytes, owner: str | None = None) -> None:
        """Set a key; with an owner, such as `worker_3`, it is deleted when that one ends."""
        await self.ask(messages.PutKey(key=key, value=value, owner=owner))

    async def list_keys(
        self, start: str | None = None, end: str | None = None, prefix: str | None = None
    ) -> tuple[str, ...]:
        """The keys in a range, in order."""
        wanted = messages.KeyRange(start=start, end=end, prefix=prefix)
        return (await self.ask(messages.ListKeys(range=wanted))).keys

    async def get_range(
        self, start: str | None = None, end: str | None = None, prefix: str | None = None
    ) -> tuple[Entry, ...]:
        """The entries in a range, in order."""
        wanted = messages.KeyRange(start=start, end=end, prefix=prefix)
        return (await self.ask(messages.GetKeys(range=wanted))).entries

    async def delete(self, key: str) -> bool:
        """Delete a key; says whether it was set."""
        return bool((await self.ask(messages.DeleteKey(key=key))).keys)

    async def delete_range(
        self, start: str | None = None, end: str | None = None, prefix: str | None = None
    ) -> tuple[str, ...]:
        """Delete the keys in a range; returns those that were set."""
        wanted = messages.KeyRange(start=start, end=end, prefix=prefix)
        return (await self.ask(messages.DeleteKeys(range=wanted))).keys

    async def transact(
        self,
        on_success: Iterable[Operation],
        conditions: Iterable[Condition] = (),
        on_failure: Iterable[Operation] = (),
    ) -> Transacted:
        """Carry out the first operations if all conditions hold, else the last: all or nothing."""
        request = messages.Transaction(
            conditions=tuple(conditions),
            on_success=tuple(on_success),
            on_failure=tuple(on_failure),
        )
        return await self.ask(request)

    async def watch(
        self, ranges: Iterable[KeyRange], after: int | None = None, patience: float = WAIT
    ) -> KeyEvents:
        """What happened to the keys in some ranges after the event of a number.

        Waits for the first if there is none yet. Cancelling loses none: ask for the same again.

        Args:
            ranges: Which keys.
            after: The number `last` of the answer before; None asks for that alone.
            patience: Seconds to wait, 25 at most; after them the answer is empty.
        """
        request = messages.WatchKeys(ranges=tuple(ranges), after=after, timeout=min(patience, WAIT))
        return await self.ask(request)
