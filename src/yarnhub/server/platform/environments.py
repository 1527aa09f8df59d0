"""Environments, as the user who asks can use, share and delete them."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence  # noqa: TC003  # FastAPI reads them
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, HTTPException, Path, Query, Request, Response

from yarnhub.base.deadline import Deadline
from yarnhub.base.errors import SpecError
from yarnhub.environments import specification
from yarnhub.environments.errors import StoreError
from yarnhub.environments.published.difference import difference
from yarnhub.environments.published.usage import applications_using
from yarnhub.server.audit import Event
from yarnhub.server.platform import as_user
from yarnhub.server.platform import environment_documents as documents
from yarnhub.server.platform.bodies import read_body
from yarnhub.server.platform.description import COMMON, problems
from yarnhub.server.platform.environment_documents import (
    Environment,
    EnvironmentDetail,
    EnvironmentPage,
    VersionDifference,
)
from yarnhub.server.platform.problems import in_public
from yarnhub.server.platform.service import IdentityOf, ServiceOf  # noqa: TC001

if TYPE_CHECKING:
    from yarnhub.environments.published.environment import PublishedEnvironment, PublishedVersion
    from yarnhub.environments.published.reader import Select
    from yarnhub.environments.published.store import EnvironmentStore
    from yarnhub.server.platform.service import Service
    from yarnhub.server.platform.viewers import Identity

MAX_PAGE = 500
"""Environments of one page."""
MAX_ACCESS = 1 << 18
"""Bytes of a document with users and groups."""
_READ = 45.0
"""Seconds for HDFS to respond; a list reads others' environments for 10 of them."""
_SILENT = f"HDFS does not respond within {_READ:g} s"
_SHOWN = 5
"""Applications in a message."""
_LISTED = 100
"""Folders that cannot be used, and owners, in a list."""

router = APIRouter(
    prefix="/environments", tags=["environments"], responses={**COMMON, **problems(422, 429)}
)

OwnerText = Annotated[
    str,
    Path(
        pattern="^[A-Za-z0-9_]([A-Za-z0-9._@$ -]{0,253}[A-Za-z0-9._@$-])?$",
        max_length=255,
        examples=["alice"],
    ),
]
NameText = Annotated[
    str,
    Path(pattern="^[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?$", max_length=64, examples=["table"]),
]
Number = Annotated[int, Path(ge=1, le=10**6)]
Forced = Annotated[
    bool, Query(description="Delete it even if it is shared, or applications use it.")
]
_CHOICE = Query(ge=1, le=10**6, description="The number of a version.")


@router.get("")
async def list_environments(
    service: ServiceOf,
    identity: IdentityOf,
    first: Annotated[int, Query(ge=0, le=10**9)] = 0,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 100,
) -> EnvironmentPage:
    """List the environments that the user can use: the user's own, and those that are shared."""
    async with opened(service, identity) as store:
        found = await store.survey(slim=True)
    return EnvironmentPage(
        first=first,
        total=len(found.environments),
        environments=tuple(map(documents.environment, found.environments[first : first + limit])),
        unusable=tuple(map(documents.unusable, found.damaged[:_LISTED])),
        unread=tuple(
            documents.UnreadOwner(owner=owner, count=count)
            for owner, count in [*found.unread.items()][:_LISTED]
        ),
    )


@router.get("/{owner}/{name}", responses=problems(404))
async def show_environment(
    owner: OwnerText,
    name: NameText,
    service: ServiceOf,
    identity: IdentityOf,
    version: Annotated[int | None, _CHOICE] = None,
) -> EnvironmentDetail:
    """Show an environment: its newest versions, and the packages of one, by default the current."""
    found = await find(service, identity, owner, name, newest_or(version))
    shown = found.current if version is None else version_of(found, version)
    return documents.detail(found, shown)


@router.get("/{owner}/{name}/difference", responses=problems(404))
async def compare_versions(
    owner: OwnerText,
    name: NameText,
    service: ServiceOf,
    identity: IdentityOf,
    old: Annotated[int | None, _CHOICE] = None,
    new: Annotated[int | None, _CHOICE] = None,
) -> VersionDifference:
    """Show what has changed between two versions.

    By default, `new` is the current version, and `old` the one before `new`.
    """
    last = new or (await find(service, identity, owner, name, lambda _: ())).current.number

    def select(numbers: Sequence[int]) -> Sequence[int]:
        before = [each for each in numbers if each < last][-1:]
        return [each for each in numbers if each in (*before, old, last)]

    found = await find(service, identity, owner, name, select)
    first = old or max((each.number for each in found.versions if each.number < last), default=None)
    if first is None:
        raise HTTPException(404, f"{name} has no version before {last}")
    before, after = version_of(found, first), version_of(found, last)
    return documents.difference(first, last, difference(before.manifest, after.manifest))


async def read_access(request: Request, _identity: IdentityOf) -> specification.Access:
    """The document of a request to share an environment.

    Raises:
        HTTPException: It is too large.
        SpecError: It is invalid.
    """
    body = await read_body(request, MAX_ACCESS, "The document")
    return specification.Access.from_json(decoded(body))


@router.post(
    "/{owner}/{name}/share",
    responses=problems(404, 408, 409, 413),
    openapi_extra=documents.request_body(documents.ACCESS),
)
async def share_environment(
    owner: OwnerText,
    name: NameText,
    service: ServiceOf,
    identity: IdentityOf,
    access: Annotated[specification.Access, Depends(read_access)],
) -> Environment:
    """Set who else can use an environment of the user's, instead of those who could before."""
    _refuse_others(service, identity, owner, name)
    what = {"environment": f"{owner}/{name}", "access": access_text(access)}
    async with opened(service, identity) as store:
        with as_user.recorded(service, identity, Event.SHARE, StoreError, **what):
            await store.share(name, access)
        try:
            return documents.environment(await store.find(name, all_versions=False))
        except StoreError as error:
            reason = f"Who can use it was changed, but {in_public(error)}"
            raise HTTPException(409, reason) from error


@router.post("/{owner}/{name}/delete", status_code=204, responses=problems(404, 409))
async def delete_environment(
    owner: OwnerText,
    name: NameText,
    service: ServiceOf,
    identity: IdentityOf,
    force: Forced = False,  # noqa: FBT002  # a query parameter
) -> Response:
    """Delete an environment of the user's with all versions, or a folder that cannot be used.

    It is refused with 409 if it is shared, or applications use one of its newest versions, unless
    `force` is set.
    """
    await _delete(service, identity, owner, name, None, force=force)
    return Response(status_code=204)


@router.post(
    "/{owner}/{name}/versions/{number}/delete", status_code=204, responses=problems(404, 409)
)
async def delete_version(
    owner: OwnerText,
    name: NameText,
    number: Number,
    service: ServiceOf,
    identity: IdentityOf,
    force: Forced = False,  # noqa: FBT002  # a query parameter
) -> Response:
    """Delete a version of an environment of the user's that is not current."""
    await _delete(service, identity, owner, name, number, force=force)
    return Response(status_code=204)


async def find(
    service: Service, identity: Identity, owner: str, name: str, select: Select
) -> PublishedEnvironment:
    """An environment with some of its versions, as a user finds it.

    Raises:
        EnvironmentNotFoundError: It does not exist, or is not shared with the user.
        YarnhubError: It cannot be read.
    """
    async with opened(service, identity) as store:
        return await store.find(f"{owner}/{name}", select=select)


def newest_or(number: int | None = None) -> Select:
    """Selects the newest versions, one more than are shown, and another one."""

    def select(numbers: Sequence[int]) -> Sequence[int]:
        newest = numbers[-documents.MAX_VERSIONS - 1 :]
        return [each for each in numbers if each in newest or each == number]

    return select


async def uses(
    service: Service, identity: Identity, environment: PublishedEnvironment
) -> tuple[str, ...]:
    """The applications that use versions of an environment of the user's, in words.

    Raises:
        HTTPException: There are too many requests to YARN.
        YarnhubError: YARN does not respond.
    """
    late = f"YARN does not respond within {as_user.ASK:g} s"
    with service.calls.take(identity.name):
        async with Deadline(as_user.ASK, late), service.client(identity.viewer.name) as client:
            return await applications_using(environment, client.resource_manager)


@contextlib.asynccontextmanager
async def opened(service: Service, identity: Identity) -> AsyncIterator[EnvironmentStore]:
    """The environments as a user finds them, for a block with a deadline.

    Raises:
        HTTPException: The user has too many requests open.
        DeadlineExceededError: HDFS does not respond.
    """
    with service.environment_calls.take(identity.name):
        async with Deadline(_READ, _SILENT), service.environments.store(identity.viewer.name) as it:
            yield it


def version_of(found: PublishedEnvironment, number: int) -> PublishedVersion:
    """A version that was read.

    Raises:
        HTTPException: There is none of this number.
    """
    for each in found.versions:
        if each.number == number:
            return each
    raise HTTPException(404, f"{found.name} has no usable version {number}")


def access_text(access: specification.Access) -> str:
    """Who can use an environment, for the audit log."""
    groups = (f"group {each}" for each in access.groups)
    return ", ".join([*access.users, *groups, *["everyone"] * access.everyone]) or "nobody"


def decoded(body: bytes) -> str:
    """The text of a document.

    Raises:
        SpecError: It is not UTF-8.
    """
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise SpecError("", f"is not UTF-8: {error.reason} at byte {error.start}") from error


async def _delete(
    service: Service, identity: Identity, owner: str, name: str, number: int | None, *, force: bool
) -> None:
    _refuse_others(service, identity, owner, name)
    what = {"environment": f"{owner}/{name}", "version": number}
    async with opened(service, identity) as store:
        try:
            found = await store.find(name, select=newest_or(number))
        except StoreError:
            if number is not None:
                raise
        else:
            await _refuse_if_used(service, identity, found, number, force=force)
        with as_user.recorded(service, identity, Event.DELETE, StoreError, **what):
            # Here, less of it is read than by the store.
            await store.delete(name, number, force=True)


async def _refuse_if_used(
    service: Service,
    identity: Identity,
    found: PublishedEnvironment,
    number: int | None,
    *,
    force: bool,
) -> None:
    """Refuse to delete what others could miss, without `force`.

    Raises:
        HTTPException: It is shared or used, or the current version.
    """
    if number == found.current.number:
        raise HTTPException(409, f"Version {number} is the current one: it is deleted last")
    if force:
        return
    if number is None and found.access != specification.Access():
        raise HTTPException(409, "It is shared: those who use it could start nothing with it")
    versions = [each for each in found.versions if number in (None, each.number)]
    used = await uses(service, identity, replace(found, versions=tuple(versions)))
    if used:
        shown = ", ".join(used[:_SHOWN]) + ", ..." * (len(used) > _SHOWN)
        raise HTTPException(
            409, f"Applications use it, and could start no further containers: {shown}"
        )


def _refuse_others(service: Service, identity: Identity, owner: str, name: str) -> None:
    """Refuse to change what belongs to another user; HDFS would, too.

    Raises:
        HTTPException: It does.
    """
    if owner != identity.viewer.name:
        reason = f"{name} belongs to {owner}, who alone can change it"
        what = {"user": identity.viewer.name, "environment": f"{owner}/{name}"}
        service.audit.write(Event.REFUSE, identity.name, reason=reason, **what)
        raise HTTPException(403, reason)
