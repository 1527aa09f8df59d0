"""The documents of the API, made from what YARN reports."""

from __future__ import annotations

import datetime as dt
import enum
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from yarnhub.client.explain.words import sentence, summary
from yarnhub.client.usage import resource_usage
from yarnhub.server.hub.servers import ServerState
from yarnhub.watch.kinds import Kind, kind_of
from yarnhub.watch.visibility import HIDDEN, HIDDEN_AMOUNT

if TYPE_CHECKING:
    from yarnhub.client.explain.explanation import Explanation
    from yarnhub.client.logs import aggregated as client_logs
    from yarnhub.server.hub import servers
    from yarnhub.watch.application_watch import Freshness
    from yarnhub.yarn.records.applications import ApplicationReport


class Document(BaseModel):
    """A document; its attributes' texts describe it in the OpenAPI document."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)


class State(enum.StrEnum):
    """The state of an application, as YARN calls it."""

    NEW = "NEW"
    NEW_SAVING = "NEW_SAVING"
    SUBMITTED = "SUBMITTED"
    ACCEPTED = "ACCEPTED"
    RUNNING = "RUNNING"
    FINISHED = "FINISHED"
    FAILED = "FAILED"
    KILLED = "KILLED"


class Used(Document):
    """What an application holds now, and what it has used since its start."""

    containers: int
    """Its containers."""
    memory: int
    """MiB of its containers."""
    vcores: int
    """Virtual cores of its containers."""
    memory_seconds: int
    """MiB of its containers multiplied by the seconds for which it had them."""
    vcore_seconds: int
    """The same for virtual cores."""


class Application(Document):
    """An application. What YARN does not show to the user is null."""

    id: str
    name: str
    user: str
    queue: str
    type: str
    """Such as `skein`, `SPARK` or `MAPREDUCE`."""
    tags: tuple[str, ...]
    kind: Kind
    """What it is for, as its type, name and tags tell."""
    state: State
    final_status: str
    """What the application has reported of itself: `UNDEFINED` until it has."""
    priority: int | None
    started: dt.datetime
    """When it was submitted."""
    finished: dt.datetime | None
    progress: float | None
    """From 0 to 1."""
    tracking_url: str | None
    diagnostics: str | None
    """YARN's words on how it waits or has ended."""
    used: Used | None


class ApplicationPage(Document):
    """A part of a list of applications."""

    version: int
    """Increases with each change of an application on the cluster."""
    looked: dt.datetime | None
    """What had happened by then is in the list; null if YARN has not been asked yet."""
    failure: str | None
    """Why YARN could not be asked since then."""
    first: int
    """The position of the first application in the list."""
    total: int
    """The number of applications in the list."""
    applications: tuple[Application, ...]


class Move(Document):
    """Where to move an application."""

    queue: str = Field(min_length=1, max_length=256, examples=["root.research"])
    """The name or path of a leaf queue."""


class NotebookServer(Document):
    """A notebook server of the user at JupyterHub."""

    name: str
    """Empty for the default one."""
    title: str
    """The name that the user has given it."""
    state: ServerState
    url: str
    """Its address: a path on the hub's own, or a URL."""
    started: dt.datetime | None
    """When it was started; null if it is stopped."""


class Container(Document):
    """A container."""

    id: str
    name: str
    """Such as `worker_3`, or `master`; empty if unknown."""
    node: str
    """The node's host and port."""


class ExplainedApplication(Document):
    """An application, and what it does or why it waits or has ended."""

    application: Application
    summary: str
    """One sentence on what it does."""
    reasons: tuple[str, ...]
    """Why, the most important first."""
    containers: tuple[Container, ...]


class LogFile(Document):
    """A log file of a container."""

    container: str
    """YARN's id."""
    instance: str
    """Such as `worker_3`, or `master`; empty if unknown."""
    name: str
    """Such as `stdout`."""
    size: int
    """Bytes; so far, if it grows."""
    grows: bool
    """Whether its container can still write to it. Otherwise, it is an aggregated log."""


class LogProblem(Document):
    """A container whose files could not be listed."""

    container: str
    detail: str


class LogFilePage(Document):
    """The log files of a part of an application's containers."""

    first: int
    """The position of the first container."""
    total: int
    """The number of containers with logs. While the application runs, those that run."""
    files: tuple[LogFile, ...]
    """Sorted by container and name."""
    problems: tuple[LogProblem, ...]
    notice: str | None
    """What the list lacks."""


class Health(Document):
    """Whether the service works."""

    works: bool
    """Whether all of the following works."""
    cluster: bool
    """Whether YARN has responded to the last query, within the last minute."""
    looked: dt.datetime | None
    """When YARN has last answered."""
    database: bool
    """Whether usage could be stored when it was last tried."""


def application(report: ApplicationReport) -> Application:
    """The document of an application, from what its viewer can see of it."""
    is_hidden = _is_hidden(report)
    return Application(
        id=str(report.application_id),
        name=report.name,
        user=report.user,
        queue=report.queue,
        type=report.application_type,
        tags=tuple(sorted(report.application_tags)),
        kind=kind_of(report),
        state=State[report.yarn_application_state.name],
        final_status=report.final_application_status.name,
        priority=None if report.priority is None else report.priority.priority,
        started=moment(report.start_time),
        finished=moment(report.finish_time) if report.finish_time else None,
        progress=None if is_hidden else min(max(report.progress, 0.0), 1.0),
        tracking_url=_shown(report.tracking_url),
        diagnostics=None if is_hidden else report.diagnostics,
        used=used(report),
    )


def used(report: ApplicationReport) -> Used | None:
    """What an application holds and has used; None if YARN does not show it."""
    if _is_hidden(report):
        return None
    usage = resource_usage(report)
    return Used(
        containers=usage.num_used_containers,
        memory=usage.used_resources.memory or 0,
        vcores=usage.used_resources.virtual_cores or 0,
        memory_seconds=usage.memory_seconds,
        vcore_seconds=usage.vcore_seconds,
    )


def explained(report: ApplicationReport, explanation: Explanation) -> ExplainedApplication:
    """The document of an application with an explanation."""
    return ExplainedApplication(
        application=application(report),
        summary=summary(explanation),
        reasons=tuple(sentence(each) for each in explanation.reasons),
        containers=tuple(
            Container(id=each.yarn_container_id, name=each.container, node=each.node)
            for each in explanation.places
        ),
    )


def notebook_server(server: servers.NotebookServer) -> NotebookServer:
    """The document of a notebook server."""
    return NotebookServer(
        name=server.name,
        title=server.title,
        state=server.state,
        url=server.url,
        started=server.started,
    )


def log_file(file: client_logs.LogFile, *, grows: bool) -> LogFile:
    """The document of a log file."""
    return LogFile(
        container=str(file.container_id),
        instance=file.instance,
        name=file.name,
        size=file.length,
        grows=grows,
    )


def moment(milliseconds: int) -> dt.datetime:
    """A time of YARN's, which are ms since 1970; one that no calendar has is the year 1970."""
    try:
        return dt.datetime.fromtimestamp(milliseconds / 1000, dt.UTC)
    except (ValueError, OverflowError, OSError):
        return dt.datetime.fromtimestamp(0, dt.UTC)


def looked(freshness: Freshness) -> dt.datetime | None:
    """When YARN was last asked with success."""
    return None if freshness.looked is None else moment(freshness.looked)


def _shown(text: str) -> str | None:
    return text if text not in ("", HIDDEN) else None


def _is_hidden(report: ApplicationReport) -> bool:
    # What the ResourceManager sends instead of counters may be those of another application.
    attempt = report.current_application_attempt_id
    return attempt is not None and attempt.attempt_id == HIDDEN_AMOUNT
