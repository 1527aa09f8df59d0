"""The pages of environments: those that the user can use, and one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

from fastapi import APIRouter, HTTPException, Query, Response
from fastapi.responses import RedirectResponse

from yarnhub.base.errors import SpecError, YarnhubError
from yarnhub.environments.specification import Access
from yarnhub.server.platform import builds, environments
from yarnhub.server.platform import environment_documents as documents
from yarnhub.server.platform.environments import NameText, OwnerText  # noqa: TC001
from yarnhub.server.platform.pages import rendering
from yarnhub.server.platform.pages.login import FormOf, VisitorOf  # noqa: TC001
from yarnhub.server.platform.pages.words import BUILD_STATES
from yarnhub.server.platform.problems import refusal
from yarnhub.server.platform.service import ServiceOf  # noqa: TC001

if TYPE_CHECKING:
    from yarnhub.server.platform.pages.login import Visitor
    from yarnhub.server.platform.service import Service

router = APIRouter(prefix="/environments")

SIZE = 100
"""Environments of a page."""
BUILDS = 10
"""Builds that are shown: the newest ones."""
_Number = Annotated[int | None, Query(ge=1, le=10**6)]


@router.get("")
async def show_environments(
    service: ServiceOf, visitor: VisitorOf, page: Annotated[int, Query(ge=1, le=10**6)] = 1
) -> Response:
    """Show the environments that the user can use, and the user's newest builds."""
    identity = visitor.identity
    found, failure, build_failure = None, "", ""
    started: tuple[documents.Build, ...] = ()
    try:
        first = (page - 1) * SIZE
        found = await environments.list_environments(service, identity, first, SIZE)
    except (HTTPException, YarnhubError) as error:
        failure = refusal(error)
    try:
        started = (await builds.list_builds(service, identity)).builds[:BUILDS]
    except (HTTPException, YarnhubError) as error:
        build_failure = refusal(error)
    return rendering.page(
        "environments.html",
        service,
        visitor,
        found=found,
        failure=failure,
        builds=started,
        build_failure=build_failure,
        states=BUILD_STATES,
        page=page,
        pages=-(-found.total // SIZE) if found else 1,
        readers=_readers,
        can_build=service.environments.can_build,
    )


@router.get("/{owner}/{name}")
async def show_environment(
    service: ServiceOf,
    visitor: VisitorOf,
    owner: OwnerText,
    name: NameText,
    version: _Number = None,
    old: _Number = None,
    new: _Number = None,
    delete: Annotated[str, Query(max_length=7, pattern="^(all|[1-9][0-9]*|)$")] = "",
) -> Response:
    """Show an environment; `delete` asks whether to delete all of it, or a version."""
    values = await _values(service, visitor, owner, name, version)
    if old is not None or new is not None:
        identity = visitor.identity
        values["difference"] = await environments.compare_versions(
            owner, name, service, identity, old, new
        )
    if delete and values["is_own"]:
        values["asks"] = delete
        if delete == "all":
            values["uses"] = await _uses(service, visitor, owner, name)
    return rendering.page("environment.html", service, visitor, **values)


@router.post("/{owner}/{name}/share")
async def share_environment(
    service: ServiceOf, visitor: VisitorOf, owner: OwnerText, name: NameText, sent: FormOf
) -> Response:
    """Set who else can use an environment, and show it; or show it with the form's problem."""
    texts = {kind: sent.get(kind, "") for kind in ("users", "groups")}
    try:
        access = Access(
            **{kind: _names(text) for kind, text in texts.items()}, everyone="everyone" in sent
        )
        await environments.share_environment(owner, name, service, visitor.identity, access)
    except SpecError as error:
        values = await _values(service, visitor, owner, name, None)
        kind = error.path.partition("[")[0]
        values |= {
            "texts": texts,
            "everyone": "everyone" in sent,
            "refused": (kind, f"{error.reason[:1].upper()}{error.reason[1:]}."),
        }
        answer = rendering.page("environment.html", service, visitor, **values)
        answer.status_code = 422
        return answer
    return _to(service, owner, name)


@router.post("/{owner}/{name}/delete")
async def delete_environment(
    service: ServiceOf, visitor: VisitorOf, owner: OwnerText, name: NameText, sent: FormOf
) -> Response:
    """Delete an environment, or a version: its page has said who uses it."""
    number = sent.get("version", "")
    identity = visitor.identity
    if number.isascii() and number.isdecimal() and len(number) <= 6:
        await environments.delete_version(owner, name, int(number), service, identity, force=True)
        return _to(service, owner, name)
    if number:
        raise HTTPException(422, "The number of the version is invalid.")
    await environments.delete_environment(owner, name, service, identity, force=True)
    return RedirectResponse(f"{service.prefix}/environments", 303)


async def _values(
    service: Service, visitor: Visitor, owner: str, name: str, version: int | None
) -> dict[str, object]:
    """What the page shows."""
    shown = await environments.show_environment(owner, name, service, visitor.identity, version)
    access = shown.environment.access or documents.Access()
    return {
        "shown": shown,
        "is_own": owner == visitor.identity.viewer.name,
        "readers": _readers,
        "difference": None,
        "asks": "",
        "uses": ([], ""),
        "texts": {"users": ", ".join(access.users), "groups": ", ".join(access.groups)},
        "everyone": access.everyone,
        "refused": ("", ""),
        "can_build": service.environments.can_build,
    }


async def _uses(
    service: Service, visitor: Visitor, owner: str, name: str
) -> tuple[tuple[str, ...], str]:
    """The applications that use it; and why that is unknown."""
    try:
        newest = environments.newest_or()
        found = await environments.find(service, visitor.identity, owner, name, newest)
        return await environments.uses(service, visitor.identity, found), ""
    except (HTTPException, YarnhubError) as error:
        return (), refusal(error)


def _readers(environment: documents.Environment) -> str:
    """Who else can use an environment, in words."""
    access = environment.access
    if environment.public or (access is not None and access.everyone):
        return "everyone"
    if access is None:
        return "you and others"
    groups = (f"group {each}" for each in access.groups)
    return ", ".join([*access.users, *groups]) or "nobody"


def _names(text: str) -> list[str]:
    """Names that are separated by commas or lines."""
    return [each.strip() for each in text.replace("\n", ",").split(",") if each.strip()]


def _to(service: Service, owner: str, name: str) -> Response:
    return RedirectResponse(f"{service.prefix}/environments/{quote(owner)}/{name}", 303)
