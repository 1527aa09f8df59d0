"""What users can hold at the same time: their own limits, and those that administrators set."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.exceptions import RequestValidationError

from yarnhub.database.errors import LimitChangedError, NoSuchLimitError, TooManyLimitsError
from yarnhub.database.limits import LimitEntry
from yarnhub.server.audit import Event
from yarnhub.server.hub.api import HubUnavailableError
from yarnhub.server.platform import as_user
from yarnhub.server.platform import limit_documents as documents
from yarnhub.server.platform.administrators import require_administrator
from yarnhub.server.platform.bodies import read_document
from yarnhub.server.platform.description import COMMON, problems
from yarnhub.server.platform.held_amounts import MOST, OPEN, held
from yarnhub.server.platform.limit_documents import (
    ChangedLimit,
    LimitAmounts,
    LimitedKind,
    OwnLimits,
    SharedLimit,
)
from yarnhub.server.platform.service import IdentityOf, ServiceOf  # noqa: TC001
from yarnhub.server.platform.viewers import Identity
from yarnhub.sessions.limits import Limit, Scope, Whom
from yarnhub.watch.views import View

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yarnhub.server.platform.limit_documents import HeldAmounts
    from yarnhub.server.platform.service import Service

MAX_NAME = 255
"""Characters of the name of a user or a group."""
REFUSED = "Only administrators can see and change the limits of others."
_NUMBER_ONLY = "Only the number of builds is limited"
_TAG = re.compile(r'\s*"([^"]*)"\s*')

router = APIRouter(prefix="/limits", tags=["limits"], responses=COMMON)


async def administrator_of(service: ServiceOf, identity: IdentityOf) -> Identity:
    """The user of a request, who is an administrator.

    Raises:
        HTTPException: The user is not.
    """
    require_administrator(service, identity, "limits", REFUSED)
    return identity


AdministratorOf = Annotated[Identity, Depends(administrator_of)]
NameText = Annotated[
    str,
    Query(
        max_length=MAX_NAME,
        description="The name of the user or group at the hub; for Dask clusters, the user's name "
        "on the cluster. None for the other scopes.",
        examples=["alice"],
    ),
]
IfMatch = Annotated[
    str, Header(max_length=64, description="The `ETag` of the limit that is replaced or removed.")
]


@router.get("")
async def show_limits(service: ServiceOf, identity: IdentityOf) -> tuple[OwnLimits, ...]:
    """Show what the user can hold of each kind, and holds."""
    return await own_limits(service, identity)


@router.get("/entries")
async def list_limits(service: ServiceOf, _: AdministratorOf) -> tuple[ChangedLimit, ...]:
    """List the limits that administrators have set. Only administrators can."""
    return tuple(map(documents.changed_limit, await entries(service)))


async def read_amounts(request: Request, _: AdministratorOf) -> LimitAmounts:
    """The limit in the body of a request; see `read_document`."""
    return await read_document(request, LimitAmounts)


@router.post(
    "/entries/{kind}/{scope}/set",
    responses={
        200: {"headers": {"ETag": {"schema": {"type": "string"}}}},
        **problems(408, 409, 412, 413, 422),
    },
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": LimitAmounts.model_json_schema()}},
        }
    },
)
async def set_limit(
    kind: LimitedKind,
    scope: Scope,
    response: Response,
    service: ServiceOf,
    identity: AdministratorOf,
    given: Annotated[LimitAmounts, Depends(read_amounts)],
    name: NameText = "",
    if_match: IfMatch = "",
    if_none_match: Annotated[
        str, Header(pattern=r"^(\*)?$", description="`*` if there must be none yet.")
    ] = "",
) -> ChangedLimit:
    """Set a limit, instead of the one in the configuration of its service, within seconds.

    It replaces the limit for the same scope and name: a limit for one user in the configuration
    still applies instead of one for `each-user` that is set here. It ends nothing that runs. Only
    administrators can.
    """
    whom = _whom(scope, name)
    if words := amounts_problem(kind, given.limit):
        raise _invalid("body", "memory", words)
    expected = "" if if_none_match else _expected(if_match)
    entry = await put(service, identity, kind, whom, given.limit, expected)
    response.headers["ETag"] = f'"{entry.revision}"'
    return documents.changed_limit(entry)


@router.post(
    "/entries/{kind}/{scope}/remove",
    status_code=204,
    responses={204: {"description": "It is removed"}, **problems(404, 412, 422)},
)
async def remove_limit(
    kind: LimitedKind,
    scope: Scope,
    service: ServiceOf,
    identity: AdministratorOf,
    name: NameText = "",
    if_match: IfMatch = "",
) -> Response:
    """Remove a limit, so that the configuration of its service applies again.

    Only administrators can.
    """
    await remove(service, identity, kind, _whom(scope, name), _expected(if_match))
    return Response(status_code=204)


async def entries(service: Service) -> tuple[LimitEntry, ...]:
    """The limits that administrators have set, of all kinds that this version has.

    Raises:
        DatabaseUnavailableError: The database does not respond.
    """
    return tuple(each for each in await service.limits.entries() if each.kind in list(LimitedKind))


async def put(
    service: Service,
    identity: Identity,
    kind: LimitedKind,
    whom: Whom,
    limit: Limit,
    expected: str | None,
) -> LimitEntry:
    """Set a limit; it is recorded in the audit log.

    Args:
        service: The service.
        identity: The administrator.
        kind: What is limited.
        whom: Whom it is for.
        limit: The limit.
        expected: See `LimitStore.put`.

    Raises:
        YarnhubError: As `LimitStore.put`.
    """
    entry = LimitEntry(
        kind=kind.value,
        whom=whom,
        limit=limit,
        changed_by=identity.name,
        changed=int(service.clock() * 1000),
        revision="",
    )
    set_to = {name: "none" if n is None else n for name, n in documents.amounts(limit)}
    nothing_done = LimitChangedError, TooManyLimitsError
    what = {"kind": kind.value, "scope": whom.scope.value, "name": whom.name}
    with as_user.recorded(service, identity, Event.LIMIT, *nothing_done, **what, **set_to):
        return await service.limits.put(entry, expected)


async def remove(
    service: Service, identity: Identity, kind: LimitedKind, whom: Whom, expected: str | None
) -> None:
    """Remove a limit; it is recorded in the audit log.

    Raises:
        YarnhubError: As `LimitStore.remove`.
    """
    what = {"kind": kind.value, "scope": whom.scope.value, "name": whom.name, "removed": True}
    nothing_done = LimitChangedError, NoSuchLimitError
    with as_user.recorded(service, identity, Event.LIMIT, *nothing_done, **what):
        await service.limits.remove(kind.value, whom, expected)


async def own_limits(service: Service, identity: Identity) -> tuple[OwnLimits, ...]:
    """What a user can hold of each kind, and holds; the limits are some seconds old."""
    found = service.current_limits.entries
    groups = await _groups(service, identity)
    own = await service.page(View(user=identity.viewer.name, states=OPEN), 0, MOST)
    holds = held(own.rows)
    return tuple(
        _own(kind, found.get(kind.value, {}), _name(kind, identity), groups, holds[kind])
        for kind in LimitedKind
    )


def name_problem(scope: Scope, name: str) -> str:
    """What is wrong with the name of a user or group; empty if nothing is."""
    if not scope.is_named:
        return "Must be empty: this limit is for all users" if name else ""
    if not name.strip():
        return f"Enter the name of the {scope.value}"
    if len(name) > MAX_NAME:
        return f"Has more than {MAX_NAME} characters"
    if not name.isprintable() or name != name.strip():
        return "Has characters that no name has"
    return ""


async def is_unknown(service: Service, kind: LimitedKind, whom: Whom) -> bool:
    """Whether a limit is for a user whom the hub does not have; False if that is not known."""
    if whom.scope is not Scope.USER or kind is LimitedKind.CLUSTERS:  # Dask has the cluster's names
        return False
    return await service.viewers.is_unknown(whom.name)


def amounts_problem(kind: LimitedKind, limit: Limit) -> str:
    """What is wrong with a limit of memory or vcores; empty if nothing is."""
    is_number = limit.memory is None and limit.vcores is None
    return "" if kind is not LimitedKind.BUILDS or is_number else _NUMBER_ONLY


async def _groups(service: Service, identity: Identity) -> frozenset[str]:
    """The groups of a user, if there are limits of groups."""
    if not any(map(service.current_limits.has_groups, LimitedKind)):
        return frozenset()
    try:
        return await service.viewers.groups(identity.name)
    except HubUnavailableError:
        return frozenset()  # it is only shown


def _name(kind: LimitedKind, identity: Identity) -> str:
    """The name that a limit has for a user: dask-gateway has only that of the cluster."""
    return identity.viewer.name if kind is LimitedKind.CLUSTERS else identity.name


def _own(
    kind: LimitedKind,
    limits: Mapping[Whom, Limit],
    name: str,
    groups: frozenset[str],
    held: HeldAmounts,
) -> OwnLimits:
    own = Whom(Scope.USER, name), Whom(Scope.EACH_USER)
    whom = next((each for each in own if each in limits), None)
    limit = None if whom is None else documents.amounts(limits[whom])
    several = *(Whom(Scope.GROUP, each) for each in sorted(groups)), Whom(Scope.ALL)
    return OwnLimits(
        kind=kind,
        scope=None if whom is None else whom.scope,
        limit=limit,
        held=held,
        left=None if limit is None else _left(limit, held),
        shared=tuple(
            SharedLimit(scope=each.scope, name=each.name, limit=documents.amounts(limits[each]))
            for each in several
            if each in limits
        ),
    )


def _left(limit: LimitAmounts, held: HeldAmounts) -> LimitAmounts:
    def left(most: int | None, used: int | None) -> int | None:
        return None if most is None or used is None else max(0, most - used)

    return LimitAmounts(
        count=left(limit.count, held.count),
        memory=left(limit.memory, held.memory),
        vcores=left(limit.vcores, held.vcores),
    )


def _whom(scope: Scope, name: str) -> Whom:
    if words := name_problem(scope, name):
        raise _invalid("query", "name", words)
    return Whom(scope, name)


def _expected(if_match: str) -> str | None:
    """The revision that a request expects; None for any."""
    if if_match.strip() in ("", "*"):
        return None
    found = _TAG.fullmatch(if_match)
    return found[1] if found is not None else "another one"


def _invalid(place: str, name: str, words: str) -> RequestValidationError:
    return RequestValidationError([{"loc": (place, name), "msg": words}])
