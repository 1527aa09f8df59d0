"""Builds of environments: applications of the user who asks, which run without this service."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response

from yarnhub.base.deadline import Deadline
from yarnhub.base.errors import SpecError, YarnhubError
from yarnhub.client.explain.explanation import Phase
from yarnhub.client.explain.words import sentence, summary
from yarnhub.client.logs.aggregated import NoSuchLogError
from yarnhub.control import diagnostics
from yarnhub.environments.cluster_build.application import LOG, TAG, built_name
from yarnhub.environments.cluster_build.report import (
    BuildProgress,
    BuildState,
    has_given_up,
    reported,
    with_unknown_result,
)
from yarnhub.environments.errors import (
    BuildRunningError,
    EnvironmentNotFoundError,
    StoreError,
)
from yarnhub.environments.progress import Progress
from yarnhub.environments.specification import Access, EnvironmentSpec
from yarnhub.environments.threads import in_parser
from yarnhub.server.audit import Event
from yarnhub.server.platform import as_user, logs
from yarnhub.server.platform import environment_documents as documents
from yarnhub.server.platform.applications import IdText  # noqa: TC001  # FastAPI reads it
from yarnhub.server.platform.bodies import read_body
from yarnhub.server.platform.description import COMMON, problem_response, problems
from yarnhub.server.platform.environment_documents import Build, BuildPage
from yarnhub.server.platform.environments import access_text, decoded, newest_or, opened
from yarnhub.server.platform.problems import in_public, problem, refusal
from yarnhub.server.platform.service import IdentityOf, ServiceOf  # noqa: TC001
from yarnhub.sessions.limits import LimitReachedError
from yarnhub.yarn.records.applications import YarnApplicationState
from yarnhub.yarn.records.ids import ApplicationId
from yarnhub.yarn.records.resource_manager import ApplicationsRequestScope, GetApplicationsRequest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from yarnhub.client.client import Client
    from yarnhub.server.platform.logs import Part
    from yarnhub.server.platform.service import Service
    from yarnhub.server.platform.viewers import Identity
    from yarnhub.yarn.records.applications import ApplicationReport

MAX_BUILDS = 200
"""Builds of a list: the newest ones."""
_MAX_DIAGNOSTICS = 4096
"""Characters of the diagnostics of each build of a list; YARN accepts 64 KiB."""
MAX_SPECIFICATION = 5 << 20
"""Bytes of a specification: a lock has 4 MiB at most."""
_START = 300.0
"""Seconds for a submission: each user's first one uploads the builder, 50 MB or more."""
_CONTAINERS = 10
"""Containers in which the log is searched: a build has two."""
NOT_CONFIGURED = (
    "Builds are not configured here: an administrator has to set c.Platform.build_site. You can "
    "build with `yarnhub env create`."
)
_NO_CONTAINER = "Its ApplicationMaster runs, and waits for the container of the build."
_SILENT = f"YARN does not respond within {as_user.ASK:g} s"

router = APIRouter(tags=["builds"], responses={**COMMON, **problems(422, 429)})


@dataclass(frozen=True, slots=True)
class BuildLook:
    """What was seen of a build.

    Attributes:
        report: Its application.
        name: The environment.
        progress: What it does, without a step.
    """

    report: ApplicationReport
    name: str
    progress: BuildProgress

    def document(self, log: str) -> Build:
        """Its document.

        Args:
            log: The end of its log, for the step; empty if unknown.
        """
        return documents.build(self.report, self.name, self.progress, last_step(log))


@router.get("/builds")
async def list_builds(service: ServiceOf, identity: IdentityOf) -> BuildPage:
    """List the user's builds that YARN still reports; the newest is the first."""
    name = identity.viewer.name
    request = GetApplicationsRequest(
        scope=ApplicationsRequestScope.ALL, users=(name,), application_tags=(TAG,)
    )
    with service.calls.take(identity.name):
        async with Deadline(as_user.ASK, _SILENT), service.client(name) as client:
            reports = await client.applications(request)
    found = [
        (each, built)
        for each in sorted(reports, key=lambda each: -each.start_time)
        if each.user == name and (built := built_name(each.application_tags)) is not None
    ]
    newest = tuple(
        documents.build(each, built, reported(_shortened(each)))
        for each, built in found[:MAX_BUILDS]
    )
    return BuildPage(total=len(found), builds=newest)


async def read_specification(
    request: Request, service: ServiceOf, identity: IdentityOf
) -> EnvironmentSpec:
    """The specification of a request.

    Raises:
        HTTPException: It is too large, builds are not configured, or too many are being submitted.
        SpecError: It is invalid.
    """
    _refuse_without_site(service)
    with service.starts.take(identity.name):
        body = await read_body(request, MAX_SPECIFICATION, "A specification")
        return await in_parser(lambda: EnvironmentSpec.from_json(decoded(body)))


@router.post(
    "/environments/build",
    status_code=202,
    responses={
        202: {"headers": {"Location": {"schema": {"type": "string"}}}},
        **problems(408, 409, 413),
    },
    openapi_extra=documents.request_body(documents.SPECIFICATION),
)
async def start_build(
    response: Response,
    service: ServiceOf,
    identity: IdentityOf,
    specification: Annotated[EnvironmentSpec, Depends(read_specification)],
    queue: Annotated[str, Query(min_length=1, max_length=256)] = "default",
) -> Build:
    """Build an environment from its specification, and publish it.

    The response has the build, which YARN has accepted. The first build of a user can take a
    minute to be submitted.
    """
    number = await start(service, identity, specification, queue)
    response.headers["Location"] = f"{service.prefix}/api/v1/builds/{number}"
    try:
        return (await look(service, identity, number)).document("")
    except (HTTPException, YarnhubError):  # it was started all the same
        return documents.accepted_build(number, specification.name, queue, service.clock())


@router.get("/builds/{application_id}", responses=problems(404))
async def show_build(application_id: IdText, service: ServiceOf, identity: IdentityOf) -> Build:
    """Show a build of the user's: its state, its step, and why it waits or how it has ended."""
    found = await look(service, identity, ApplicationId.parse(application_id))
    log = ""
    if found.progress.state not in (BuildState.WAITING, BuildState.READY):
        with contextlib.suppress(HTTPException, YarnhubError):  # the step is null then
            log = text_of(await read_log(service, identity, application_id))
    return found.document(log)


@router.get(
    "/builds/{application_id}/log",
    response_class=Response,
    responses={
        200: {**logs.PART, "description": "The end, or all of the log"},
        **problems(404, 409),
    },
)
async def show_build_log(
    application_id: IdText, service: ServiceOf, identity: IdentityOf
) -> Response:
    """Read the last 64 KiB of a build's log, while it runs and afterwards.

    Below `/applications/{application_id}/logs`, it can be followed and downloaded.
    """
    await look(service, identity, ApplicationId.parse(application_id))
    return logs.response_of(await read_log(service, identity, application_id))


@router.post(
    "/builds/{application_id}/cancel",
    status_code=204,
    responses={
        202: problem_response(202, "It was canceled, but has not ended"),
        204: {"description": "It has ended"},
        **problems(404),
    },
)
async def cancel_build(
    application_id: IdText, service: ServiceOf, identity: IdentityOf
) -> Response:
    """Cancel a build of the user's: 204 if it has ended, 202 if it is still ending."""
    late = await cancel(service, identity, ApplicationId.parse(application_id))
    return Response(status_code=204) if late is None else problem(202, in_public(late))


async def start(
    service: Service, identity: Identity, specification: EnvironmentSpec, queue: str
) -> ApplicationId:
    """Submit a build as the user; it is recorded in the audit log.

    If it is cancelled, YARN may have received it.

    Raises:
        HTTPException: Builds are not configured, or too many are being submitted.
        LimitReachedError: The user cannot have another build now.
        YarnhubError: A build of the environment is running, or YARN or HDFS refuses it.
    """
    _refuse_without_site(service)
    user, name = identity.viewer.name, specification.name
    nothing_done = BuildRunningError, SpecError, StoreError
    with service.starts.take(identity.name):
        async with opened(service, identity) as store:
            await store.check_limits(name)
        late = f"the build was not submitted within {_START:g} s"
        what = {"environment": f"{user}/{name}", "queue": queue}
        if specification.access != Access():
            what["access"] = access_text(specification.access)
        async with _accepted(service, identity, name):
            with as_user.recorded(service, identity, Event.BUILD, *nothing_done, **what) as record:
                async with Deadline(_START, late):
                    number = await service.environments.start(user, specification, queue)
                record["application"] = str(number)
    return number


@contextlib.asynccontextmanager
async def _accepted(service: Service, identity: Identity, name: str) -> AsyncIterator[None]:
    """Within the limits, submit a build of an environment.

    Raises:
        LimitReachedError: A limit would be exceeded, which is recorded in the audit log.
        YarnhubError: It is not known.
    """

    async def running() -> tuple[ApplicationReport, ...]:
        # YARN may show users only their own applications, while the watch is some seconds late.
        table = service.watch.table
        rows = [row for number in table.open if (row := table.get(number)) is not None]
        others = [each.report for each in rows if each.report.user != user]
        states = tuple(each for each in YarnApplicationState if not each.ended)
        request = GetApplicationsRequest(
            scope=ApplicationsRequestScope.ALL, application_states=states, application_tags=(TAG,)
        )
        with service.calls.take(identity.name):
            async with Deadline(as_user.ASK, _SILENT), service.client(user) as client:
                own = await client.applications(request)
        return (*own, *(each for each in others if TAG in each.application_tags))

    user = identity.viewer.name
    async with contextlib.AsyncExitStack() as stack:
        try:
            await stack.enter_async_context(service.build_limits.accepted(identity, name, running))
        except LimitReachedError as error:
            what = {"user": user, "environment": f"{user}/{name}"}
            service.audit.write(
                Event.REFUSE, identity.name, action="build", reason=str(error), **what
            )
            raise
        yield


async def look(service: Service, identity: Identity, number: ApplicationId) -> BuildLook:
    """A build of the user's, without its log.

    Raises:
        HTTPException: It is not a build of the user's, or there are too many requests to YARN.
        ApplicationNotFoundError: There is no such application.
    """
    with service.calls.take(identity.name):
        async with Deadline(as_user.ASK, _SILENT), service.client(identity.viewer.name) as client:
            report = await client.application_report(number)
            name = built_name(report.application_tags)
            if report.user != identity.viewer.name or name is None:
                raise HTTPException(403, f"{number} is not a build of yours")
            progress = reported(report)
            if progress.state is BuildState.WAITING:
                progress = BuildProgress(progress.state, reason=await _waits(client, number))
    # It may have been killed after the rename that publishes.
    unsure = progress.state is BuildState.KILLED or (
        progress.state is BuildState.FAILED and not has_given_up(report)
    )
    if unsure:
        try:
            if await _has_published(service, identity, number, name):
                progress = BuildProgress(BuildState.READY, reason=progress.reason)
        except (HTTPException, YarnhubError) as error:
            progress = with_unknown_result(progress, refusal(error))
    return BuildLook(report, name, progress)


async def read_log(service: Service, identity: Identity, application_id: str) -> Part:
    """The end of the log of a build, from its node or the file system.

    Raises:
        HTTPException: There are too many requests to YARN.
        YarnhubError: It does not exist, or cannot be read.
    """
    with service.calls.take(identity.name):
        async with (
            Deadline(as_user.ASK, _SILENT),
            logs.open_logs(service, identity, application_id) as opened_logs,
        ):
            listing = await opened_logs.list(opened_logs.containers[:_CONTAINERS])
            for each in listing.files:
                if each.name == LOG:
                    return await logs.part_of(opened_logs, each)
    if listing.failures:
        raise next(iter(listing.failures.values()))
    raise NoSuchLogError("The build has not written a log.")


async def cancel(
    service: Service, identity: Identity, number: ApplicationId
) -> YarnhubError | None:
    """Cancel a build of the user's, and wait for its end; cancelled, YARN may still end it.

    What it has uploaded of the environment by then is deleted with the user's next publication, a
    day later.

    Returns:
        None if it has ended; why that is not known if YARN is going to end it.

    Raises:
        HTTPException: It is not a build of the user's.
        YarnhubError: As `as_user.kill`.
    """
    found = await look(service, identity, number)
    if found.report.yarn_application_state.ended:
        return None
    late = await as_user.kill(service, identity, number, Event.CANCEL)
    if late is None:
        # Another sweep deletes what remains.
        with contextlib.suppress(HTTPException, YarnhubError), service.calls.take(identity.name):
            async with service.client(identity.viewer.name) as client:
                await client.clean_up(number, deadline=as_user.ASK)
    return late


def text_of(log: Part) -> str:
    """The text of a log."""
    return log.data.decode(errors="replace")


def last_step(log: str) -> Progress | None:
    """The last step of which a log has a line; None if it has none."""
    lines = reversed(log.splitlines())
    return next((found for each in lines if (found := Progress.parse(each)) is not None), None)


def _shortened(report: ApplicationReport) -> ApplicationReport:
    """A report with the end of its diagnostics if a cause was added there, else with the start."""
    text = report.diagnostics
    if len(text) <= _MAX_DIAGNOSTICS:
        return report
    has_cause = diagnostics.without_record(text) != text
    kept = text[-_MAX_DIAGNOSTICS:] if has_cause else f"{text[: _MAX_DIAGNOSTICS - 3]}..."
    return replace(report, diagnostics=kept)


def _refuse_without_site(service: Service) -> None:
    if not service.environments.can_build:
        raise HTTPException(409, NOT_CONFIGURED)


async def _waits(client: Client, number: ApplicationId) -> str:
    # Its ApplicationMaster is at any address.
    explanation = await client.explain(number, ask_master=False)
    has_begun = explanation.phase is Phase.RUNNING
    first = _NO_CONTAINER if has_begun else summary(explanation)
    return " ".join([first, *map(sentence, explanation.reasons)])


async def _has_published(
    service: Service, identity: Identity, number: ApplicationId, name: str
) -> bool:
    try:
        async with opened(service, identity) as store:
            found = await store.find(name, select=newest_or())
    except EnvironmentNotFoundError:
        return False
    return any(each.manifest.application == str(number) for each in found.versions)
