"""The pages of builds: the form for a new environment, and a build while it runs."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterable  # noqa: TC003  # FastAPI reads it
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, HTTPException, Query, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent

from yarnhub.base.errors import SpecError, YarnhubError
from yarnhub.environments.cluster_build.report import BuildState
from yarnhub.environments.errors import BuildRunningError
from yarnhub.environments.progress import Step
from yarnhub.environments.threads import in_parser
from yarnhub.server.platform import builds
from yarnhub.server.platform.applications import IdText  # noqa: TC001  # FastAPI reads it
from yarnhub.server.platform.environments import opened
from yarnhub.server.platform.pages import rendering
from yarnhub.server.platform.pages.build_form import NAMES, BuildForm
from yarnhub.server.platform.pages.following import count_stream, follow, is_gone
from yarnhub.server.platform.pages.login import FormOf, LongFormOf, VisitorOf  # noqa: TC001
from yarnhub.server.platform.pages.words import BUILD_STATES, BUILD_STEPS
from yarnhub.server.platform.problems import in_public, refusal, status_of
from yarnhub.server.platform.service import ServiceOf  # noqa: TC001
from yarnhub.yarn.records.ids import ApplicationId

if TYPE_CHECKING:
    from yarnhub.environments.specification import EnvironmentSpec
    from yarnhub.server.platform.pages.login import Visitor
    from yarnhub.server.platform.service import Service

router = APIRouter()

_LOOK = 2.0
"""Seconds between looks."""
_AGAIN = 10.0
"""Seconds after which a build that waits is requested again without a change."""
_LATE = 60.0
"""Seconds after its end in which the nodes upload its log."""
_LINES, _TEXT = 200, 32 << 10
"""Lines and characters of a log that are shown."""


# --- the form


@router.get("/environments/new")
async def show_form(
    service: ServiceOf,
    visitor: VisitorOf,
    name: Annotated[str, Query(max_length=64)] = "",
) -> Response:
    """Show the form; with `name`, as for a new version of this environment of the user's."""
    form = BuildForm(name=name, notebooks="on")
    if name:
        with contextlib.suppress(HTTPException, YarnhubError):  # it is only a help
            form = await _as_before(service, visitor, name) or form
    return _form(service, visitor, form, {}, 200)


@router.post("/environments/check")
async def check_form(service: ServiceOf, visitor: VisitorOf, sent: LongFormOf) -> Response:
    """Replace what is shown of problems of the fields, while they are filled in."""
    form = BuildForm.of(sent)
    problems, _ = await _read(service, visitor, form)
    found = form.without_empty(problems)
    html = rendering.fragment("build_problems.html", service, visitor, problems=found, names=NAMES)
    return HTMLResponse(html, headers=rendering.HEADERS)


@router.post("/environments/build")
async def start_build(service: ServiceOf, visitor: VisitorOf, sent: LongFormOf) -> Response:
    """Start a build, and show it; or show the form again with its problems."""
    form = BuildForm.of(sent)
    problems, specification = await _read(service, visitor, form)
    if specification is None:
        return _form(service, visitor, form, problems, 422)
    try:
        queue = form.queue.strip()
        number = await builds.start(service, visitor.identity, specification, queue)
    except BuildRunningError as error:
        return _form(service, visitor, form, {"": in_public(error)}, 409, error.application_id)
    except HTTPException as error:
        return _form(service, visitor, form, {"": error.detail}, error.status_code)
    except YarnhubError as error:
        words = str(error) if isinstance(error, SpecError) else in_public(error)
        return _form(service, visitor, form, {"": words}, status_of(error))
    return RedirectResponse(f"{service.prefix}/builds/{number}", 303)


async def _as_before(service: Service, visitor: Visitor, name: str) -> BuildForm | None:
    """The form from which the current version could have been built; None if it was imported."""
    async with opened(service, visitor.identity) as store:
        found = await store.find(f"{store.user}/{name}", all_versions=False)
        built = await store.specification(found, found.current)
    return None if built is None else BuildForm.from_specification(built[0])


async def _read(
    service: Service, visitor: Visitor, form: BuildForm
) -> tuple[dict[str, str], EnvironmentSpec | None]:
    """The problems of a form, which can have thousands of lines; if none, its specification.

    Raises:
        HTTPException: The user has too many requests open.
    """

    def read() -> tuple[dict[str, str], EnvironmentSpec | None]:
        problems = form.problems()
        return problems, None if problems else form.specification()

    with service.environment_calls.take(visitor.identity.name):
        return await in_parser(read)


def _form(
    service: Service,
    visitor: Visitor,
    form: BuildForm,
    problems: dict[str, str],
    status: int,
    running: str = "",
) -> Response:
    page = rendering.page(
        "build_form.html",
        service,
        visitor,
        form=form,
        problems=problems,
        running=running,
        refusal="" if service.environments.can_build else builds.NOT_CONFIGURED,
    )
    page.status_code = status
    return page


# --- a build


@router.get("/builds/{application_id}")
async def show_build(
    service: ServiceOf,
    visitor: VisitorOf,
    application_id: IdText,
    cancel: Annotated[bool, Query()] = False,  # noqa: FBT002  # a query parameter
) -> Response:
    """Show a build; `cancel` asks whether to cancel it."""
    values = await _values(service, visitor, ApplicationId.parse(application_id))
    return rendering.page("build_page.html", service, visitor, asks=cancel, **values)


async def _check(service: ServiceOf, visitor: VisitorOf, application_id: IdText) -> None:
    """Refuse what is not a build of the user's."""
    await builds.look(service, visitor.identity, ApplicationId.parse(application_id))


@router.get(
    "/builds/{application_id}/changes",
    response_class=EventSourceResponse,
    dependencies=[Depends(count_stream), Depends(_check)],
)
async def follow_build(
    service: ServiceOf, visitor: VisitorOf, application_id: IdText
) -> AsyncIterable[ServerSentEvent]:
    """Follow a build and its log: each event replaces all of it, until it has ended."""
    number = ApplicationId.parse(application_id)
    html, waits, settled, version, age = "", False, False, -1, 0.0

    async def look() -> str | None:
        nonlocal html, waits, settled, version, age
        if settled:
            return None
        row = service.watch.table.get(number)
        now = -1 if row is None else row.version
        if waits and now == version and age < _AGAIN:
            age += _LOOK
            return html
        try:
            values = await _values(service, visitor, number)
        except (HTTPException, YarnhubError) as error:
            failure, settled = refusal(error), is_gone(error)
            return rendering.fragment("changed_notice.html", service, visitor, failure=failure)
        version, age = now, 0.0
        waits, settled = bool(values["waits"]), bool(values["settled"])
        html = rendering.fragment("changed_build.html", service, visitor, **values)
        return html

    async for event in follow(visitor, service, look, _LOOK):
        yield event


@router.post("/builds/{application_id}/cancel")
async def cancel_build(
    service: ServiceOf, visitor: VisitorOf, application_id: IdText, _form_of: FormOf
) -> Response:
    """Cancel a build, and show it."""
    number = ApplicationId.parse(application_id)
    await builds.cancel(service, visitor.identity, number)
    return RedirectResponse(f"{service.prefix}/builds/{number}", 303)


async def _values(service: Service, visitor: Visitor, number: ApplicationId) -> dict[str, object]:
    """What the page shows.

    Raises:
        HTTPException: It is not a build of the user's, or there are too many requests.
        YarnhubError: It is not known.
    """
    found = await builds.look(service, visitor.identity, number)
    state = found.progress.state
    log, problem = "", ""
    if state is not BuildState.WAITING:
        try:
            log = builds.text_of(await builds.read_log(service, visitor.identity, str(number)))
        except (HTTPException, YarnhubError) as error:
            problem = refusal(error)
    build = found.document(log)
    age = service.clock() - found.report.finish_time / 1000
    style, word = BUILD_STATES[build.state]
    return {
        "build": build,
        "style": style,
        "word": word,
        "steps": _steps(state, build.step.name if build.step else ""),
        "log": "\n".join(log.splitlines()[-_LINES:])[-_TEXT:],
        "log_problem": problem,
        "waits": state is BuildState.WAITING,
        "ended": state.ended,
        "settled": state.ended and (bool(log) or age > _LATE),
    }


def _steps(state: BuildState, last: str) -> list[tuple[str, str]]:
    """The steps, and whether each is `done`, the `current` one, `failed`, or comes `later`."""
    names = [each.value for each in Step]
    at = len(names) if state is BuildState.READY else names.index(last) if last in names else -1
    now = "failed" if state.ended else "current"
    return [
        (BUILD_STEPS[each], "done" if number < at else now if number == at else "later")
        for number, each in enumerate(Step)
    ]
