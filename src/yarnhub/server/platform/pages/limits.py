"""The pages of limits, for administrators: what is set, what is in use, and who has done what."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, HTTPException, Query, Response
from fastapi.responses import RedirectResponse

from yarnhub.base.errors import YarnhubError
from yarnhub.database.errors import LimitChangedError
from yarnhub.server.platform import limits
from yarnhub.server.platform.administrators import require_administrator
from yarnhub.server.platform.audit_lines import last_lines
from yarnhub.server.platform.held_amounts import MOST, OPEN, held_by_user
from yarnhub.server.platform.limit_documents import LimitedKind, changed_limit
from yarnhub.server.platform.pages import rendering
from yarnhub.server.platform.pages.limit_form import LimitForm
from yarnhub.server.platform.pages.login import FormOf, Visitor, VisitorOf
from yarnhub.server.platform.pages.words import LIMITED, WHOM
from yarnhub.server.platform.problems import in_public, refusal, status_of
from yarnhub.server.platform.service import ServiceOf  # noqa: TC001
from yarnhub.sessions.limits import Scope, Whom
from yarnhub.watch.views import View

if TYPE_CHECKING:
    from yarnhub.server.platform.audit_lines import AuditLine
    from yarnhub.server.platform.held_amounts import Holdings
    from yarnhub.server.platform.limit_documents import ChangedLimit
    from yarnhub.server.platform.service import Service

router = APIRouter(prefix="/limits")

_USERS = 100
"""Users that are shown: those who hold the most memory."""
_LINES = 20
"""Lines of the audit log that are shown."""
_MAX_DETAILS = 300
"""Characters of the details of a line."""
_Short = Annotated[str, Query(max_length=limits.MAX_NAME)]


async def administrator_of(service: ServiceOf, visitor: VisitorOf) -> Visitor:
    """The user of a browser, who is an administrator.

    Raises:
        HTTPException: The user is not.
    """
    require_administrator(service, visitor.identity, "limits", limits.REFUSED)
    return visitor


AdministratorOf = Annotated[Visitor, Depends(administrator_of)]


@router.get("")
async def show_limits(
    service: ServiceOf, visitor: AdministratorOf, kind: _Short = "", name: _Short = ""
) -> Response:
    """Show the limits that are set, what users hold, and the end of the audit log.

    If it is called with a user's limit that was just set, it warns if the hub has no such user.
    """
    failure = ""
    found: tuple[ChangedLimit, ...] = ()
    try:
        found = await _changed(service)
    except YarnhubError as error:
        failure = in_public(error)
    unknown = ""
    for each in found:
        if (each.kind, each.scope, each.name) == (kind, Scope.USER, name):
            whom = Whom(each.scope, name)
            unknown = name if await limits.is_unknown(service, each.kind, whom) else ""
    rows = (await service.page(View(states=OPEN), 0, MOST)).rows
    users = sorted(held_by_user(rows).items(), key=_weight)
    return rendering.page(
        "limits.html",
        service,
        visitor,
        failure=failure,
        unknown=unknown,
        limits={kind: [each for each in found if each.kind is kind] for kind in LimitedKind},
        titles=LIMITED,
        whom=WHOM,
        users=[_shown(user, holds) for user, holds in users[:_USERS]],
        more=len(users[_USERS:]),
        has_audit=service.audit.is_kept,
        lines=[_line(each) for each in await last_lines(service, _LINES)],
    )


@router.get("/edit")
async def show_form(
    service: ServiceOf,
    visitor: AdministratorOf,
    kind: _Short = "",
    scope: _Short = "",
    name: _Short = "",
) -> Response:
    """Show the form of a limit, as it is now, or of a new one."""
    chosen = {"kind": kind, "scope": scope, "name": name}
    form = LimitForm.of({field: value for field, value in chosen.items() if value})
    with contextlib.suppress(ValueError):
        wanted = form.which
        for each in await _changed(service):
            if (each.kind, each.scope, each.name) == (wanted[0], wanted[1].scope, wanted[1].name):
                form = LimitForm.from_document(each)
    return _form(service, visitor, form, {}, 200)


@router.post("/edit")
async def save_form(service: ServiceOf, visitor: AdministratorOf, sent: FormOf) -> Response:
    """Set a limit; or show the form again with its problems."""
    form = LimitForm.of(sent)
    if problems := form.problems():
        return _form(service, visitor, form, problems, 422)
    kind, whom = form.which
    try:
        await limits.put(
            service, visitor.identity, kind, whom, form.amounts.limit, expected=form.revision
        )
    except LimitChangedError as error:
        return _form(service, visitor, form, {"": in_public(error)}, 412, is_old=True)
    except (HTTPException, YarnhubError) as error:
        status = error.status_code if isinstance(error, HTTPException) else status_of(error)
        return _form(service, visitor, form, {"": refusal(error)}, status)
    saved = urlencode({"kind": kind.value, "name": whom.name})
    query = f"?{saved}" if whom.scope is Scope.USER else ""
    return RedirectResponse(f"{service.prefix}/limits{query}", 303)


@router.post("/remove")
async def remove_limit(service: ServiceOf, visitor: AdministratorOf, sent: FormOf) -> Response:
    """Remove a limit."""
    form = LimitForm.of(sent)
    try:
        kind, whom = form.which
    except ValueError as error:
        raise HTTPException(422, "There is no such limit.") from error
    await limits.remove(service, visitor.identity, kind, whom, form.revision)
    return RedirectResponse(f"{service.prefix}/limits", 303)


async def _changed(service: Service) -> tuple[ChangedLimit, ...]:
    return tuple(map(changed_limit, await limits.entries(service)))


def _form(
    service: Service,
    visitor: Visitor,
    form: LimitForm,
    problems: dict[str, str],
    status: int,
    *,
    is_old: bool = False,
) -> Response:
    page = rendering.page(
        "limit_form.html",
        service,
        visitor,
        form=form,
        problems=problems,
        is_old=is_old,
        kinds={each.value: title for each, title in LIMITED.items()},
        scopes={each.value: words for each, words in WHOM.items()},
    )
    page.status_code = status
    return page


def _weight(item: tuple[str, Holdings]) -> tuple[int, str]:
    user, holds = item
    return -sum(each.memory or 0 for each in holds.values()), user


def _shown(user: str, holds: Holdings) -> dict[str, object]:
    memory = [each.memory for each in holds.values()]
    vcores = [each.vcores for each in holds.values()]
    return {
        "name": user,
        "counts": {kind: each.count for kind, each in holds.items()},
        "memory": None if None in memory else sum(each or 0 for each in memory),
        "vcores": None if None in vcores else sum(each or 0 for each in vcores),
    }


def _line(line: AuditLine) -> dict[str, object]:
    details = ", ".join(f"{name}: {value}" for name, value in line.details.items())
    return {
        "moment": line.time,
        "event": line.event,
        "actor": line.actor,
        "details": details[:_MAX_DETAILS],
    }
