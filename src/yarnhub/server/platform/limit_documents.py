"""The documents of limits."""

from __future__ import annotations

import datetime as dt
import enum
from typing import TYPE_CHECKING, Annotated

from pydantic import ConfigDict, Field

from yarnhub.server.platform.documents import Document, moment
from yarnhub.sessions.limited_kinds import BUILDS, CLUSTERS, KERNELS, SERVERS
from yarnhub.sessions.limits import Limit, Scope

if TYPE_CHECKING:
    from yarnhub.database.limits import LimitEntry

MAX_COUNT = 10**6
MAX_MEMORY = 10**12
"""MiB."""
MAX_VCORES = 10**9
_MIB = 2**20


class LimitedKind(enum.StrEnum):
    """What is limited."""

    SERVERS = SERVERS.many
    """Notebook servers of the hub."""
    KERNELS = KERNELS.many
    """Kernels of the kernel service."""
    CLUSTERS = CLUSTERS.many
    """Dask clusters."""
    BUILDS = BUILDS.many
    """Builds of environments: only their number is limited."""


class LimitAmounts(Document):
    """The most that can be held; null is no limit."""

    model_config = ConfigDict(extra="forbid", strict=True)

    count: Annotated[int, Field(ge=0, le=MAX_COUNT)] | None = None
    """Their number; 0 for none."""
    memory: Annotated[int, Field(ge=0, le=MAX_MEMORY)] | None = None
    """MiB of all of them."""
    vcores: Annotated[int, Field(ge=0, le=MAX_VCORES)] | None = None
    """Virtual cores of all of them."""

    @property
    def limit(self) -> Limit:
        """The limit."""
        memory = None if self.memory is None else self.memory * _MIB
        return Limit(count=self.count, memory=memory, vcores=self.vcores)


class HeldAmounts(Document):
    """What is held."""

    count: int
    """Their number."""
    memory: int | None
    """MiB of all of them; null if YARN does not show it to the service."""
    vcores: int | None
    """Virtual cores of all of them; null like `memory`."""


class SharedLimit(Document):
    """A limit for several users together."""

    scope: Scope
    """`group` or `all`."""
    name: str
    """The name of the group; empty for all users."""
    limit: LimitAmounts
    """What they can hold together."""


class OwnLimits(Document):
    """What a user can hold of one kind, and holds."""

    kind: LimitedKind
    """What is limited."""
    scope: Scope | None
    """Whom the limit is for: `user` or `each-user`. If it is null, no administrator has set one
    here, and the configuration of the service applies that starts them. If it is `each-user`, a
    limit for the user by name in that configuration applies instead, which is not known here."""
    limit: LimitAmounts | None
    """The limit; null if `scope` is."""
    held: HeldAmounts
    """What the user's applications of this kind hold, as YARN reports it."""
    left: LimitAmounts | None
    """What the limit leaves; null if `scope` is."""
    shared: tuple[SharedLimit, ...]
    """Limits of the user's groups, and of all users, that administrators have set."""


class ChangedLimit(Document):
    """A limit that an administrator has set, instead of the one in a service's configuration."""

    kind: LimitedKind
    """What is limited."""
    scope: Scope
    """Whom it is for."""
    name: str
    """The name of the user or group at the hub, or of the user on the cluster if `kind` is
    `clusters`; empty otherwise."""
    limit: LimitAmounts
    """The limit."""
    changed_by: str
    """The administrator's name at the hub."""
    changed: dt.datetime
    """When it was set."""
    revision: str
    """Another text after each change: the `ETag` without quotes."""


def amounts(limit: Limit) -> LimitAmounts:
    """The document of a limit."""
    memory = None if limit.memory is None else limit.memory // _MIB
    return LimitAmounts(count=limit.count, memory=memory, vcores=limit.vcores)


def changed_limit(entry: LimitEntry) -> ChangedLimit:
    """The document of a limit that an administrator has set."""
    return ChangedLimit(
        kind=LimitedKind(entry.kind),
        scope=entry.whom.scope,
        name=entry.whom.name,
        limit=amounts(entry.limit),
        changed_by=entry.changed_by,
        changed=moment(entry.changed),
        revision=entry.revision,
    )
