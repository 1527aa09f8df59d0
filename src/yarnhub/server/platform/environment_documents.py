"""The documents of environments and of their builds."""

from __future__ import annotations

import datetime as dt
import enum
from typing import TYPE_CHECKING, Any

from yarnhub.base.foreign_text import clean_and_cut
from yarnhub.server.platform.documents import Document, moment

if TYPE_CHECKING:
    from yarnhub.environments.cluster_build.report import BuildProgress
    from yarnhub.environments.progress import Progress
    from yarnhub.environments.published import difference as published_difference
    from yarnhub.environments.published import environment as published
    from yarnhub.yarn.records.applications import ApplicationReport
    from yarnhub.yarn.records.ids import ApplicationId

MAX_VERSIONS = 20
"""Versions of one document: the newest ones. Their owner decides how large each one is."""
MAX_PROBLEMS = 100


class Access(Document):
    """Who can use an environment, in addition to its owner."""

    users: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    everyone: bool = False


class Environment(Document):
    """An environment with its current version."""

    owner: str
    name: str
    version: int
    """The number of the current version."""
    language: str
    """`python` or `r`."""
    python: str | None
    """The version of Python."""
    kernel: bool
    """Whether notebooks can use it."""
    size: int
    """Bytes of the archive."""
    created: dt.datetime
    """When the current version was published."""
    access: Access | None
    """Null if only its owner can see who can use it."""
    public: bool
    """Whether every user of the cluster can use it."""


class UnusableFolder(Document):
    """A folder that should be an environment."""

    id: str
    owner: str
    detail: str
    """Why it cannot be used."""


class UnreadOwner(Document):
    """Environments that are missing from a list, since reading them takes too long."""

    owner: str
    count: int


class EnvironmentPage(Document):
    """A part of the list of the environments that a user can use."""

    first: int
    """The position of the first one."""
    total: int
    environments: tuple[Environment, ...]
    """The user's own are the first."""
    unusable: tuple[UnusableFolder, ...]
    unread: tuple[UnreadOwner, ...]


class EnvironmentVersion(Document):
    """A version of an environment."""

    number: int
    created: dt.datetime
    size: int
    """Bytes of the archive."""
    python: str | None
    platform: str | None
    """Such as `linux-x86_64-gnu`."""
    key: str
    """The same for the same content."""
    origin: str
    """`build` or `import`."""
    application: str | None
    """The application that has built it."""
    packages: int
    """How many it has."""


class EnvironmentDetail(Document):
    """An environment with its versions, and the packages of one of them."""

    environment: Environment
    versions: tuple[EnvironmentVersion, ...]
    """The newest is the first."""
    older: bool
    """Whether there are older versions."""
    shown: EnvironmentVersion
    """The one whose packages follow."""
    packages: dict[str, str]
    """Their versions, by name."""
    problems: tuple[str, ...]
    """What was found when it was built, and why other versions cannot be used."""


class ChangedPackage(Document):
    """A package with different versions."""

    name: str
    old: str | None
    """Null if it was added."""
    new: str | None
    """Null if it was removed."""


class VersionDifference(Document):
    """What has changed from one version to another."""

    old: int
    new: int
    same: bool
    """Whether both have the same content."""
    python: ChangedPackage | None
    """Null if it is the same."""
    packages: tuple[ChangedPackage, ...]
    size: int
    """By how many bytes the archive has grown."""


class State(enum.StrEnum):
    """The state of a build."""

    WAITING = "waiting"
    RUNNING = "running"
    READY = "ready"
    FAILED = "failed"
    KILLED = "killed"


class BuildStep(Document):
    """What a build does."""

    name: str
    """Such as `install`."""
    done: int
    total: int
    """How much there is to do; 0 if unknown."""


class Build(Document):
    """A build of an environment."""

    id: str
    """Its application."""
    name: str
    """The environment."""
    state: State
    step: BuildStep | None
    """The last step in its log, if that can be read; null in lists."""
    reason: str
    """Why it waits, or how it has ended; empty if unknown."""
    queue: str
    started: dt.datetime
    ended: dt.datetime | None


class BuildPage(Document):
    """The builds of a user that YARN still reports."""

    total: int
    builds: tuple[Build, ...]
    """The newest is the first."""


def environment(found: published.PublishedEnvironment) -> Environment:
    """The document of an environment."""
    access = found.access
    return Environment(
        owner=found.owner,
        name=found.name,
        version=found.current.number,
        language=found.manifest.language,
        python=found.manifest.python or None,
        kernel=found.manifest.has_kernel,
        size=found.size,
        created=moment(found.modification_time),
        access=None
        if access is None
        else Access(
            users=tuple(access.users), groups=tuple(access.groups), everyone=access.everyone
        ),
        public=found.is_public,
    )


def unusable(found: published.DamagedEnvironment) -> UnusableFolder:
    """The document of a folder that cannot be used."""
    detail = clean_and_cut(found.problem, lines=False)
    return UnusableFolder(id=found.id, owner=found.owner, detail=detail)


def version(found: published.PublishedVersion) -> EnvironmentVersion:
    """The document of a version."""
    manifest = found.manifest
    return EnvironmentVersion(
        number=found.number,
        created=moment(found.modification_time),
        size=found.size,
        python=manifest.python or None,
        platform=manifest.platform or None,
        key=manifest.key,
        origin=manifest.origin.value,
        application=manifest.application or None,
        packages=len(manifest.packages),
    )


def detail(
    found: published.PublishedEnvironment, shown: published.PublishedVersion
) -> EnvironmentDetail:
    """The document of an environment with all that is known of it."""
    newest = sorted(found.versions, key=lambda each: -each.number)
    problems = (*shown.manifest.problems, *found.problems)[:MAX_PROBLEMS]
    return EnvironmentDetail(
        environment=environment(found),
        versions=tuple(map(version, newest[:MAX_VERSIONS])),
        older=len(newest) > MAX_VERSIONS,
        shown=version(shown),
        packages=dict(sorted(shown.manifest.packages.items())),
        problems=tuple(clean_and_cut(each, lines=False) for each in problems),
    )


def difference(old: int, new: int, found: published_difference.Difference) -> VersionDifference:
    """The document of a difference."""
    changes = {
        **{name: (None, after) for name, after in found.added.items()},
        **{name: (before, None) for name, before in found.removed.items()},
        **found.changed,
    }
    python = found.python
    return VersionDifference(
        old=old,
        new=new,
        same=found.same,
        python=None
        if python is None
        else ChangedPackage(name="python", old=python[0] or None, new=python[1] or None),
        packages=tuple(
            ChangedPackage(name=name, old=before, new=after)
            for name, (before, after) in sorted(changes.items())
        ),
        size=found.size,
    )


def build(
    report: ApplicationReport, name: str, found: BuildProgress, last: Progress | None = None
) -> Build:
    """The document of a build.

    Args:
        report: Its application.
        name: The environment.
        found: What it does.
        last: Its last step; None if unknown.
    """
    return Build(
        id=str(report.application_id),
        name=name,
        state=State(found.state.value),
        step=None
        if last is None
        else BuildStep(name=last.step.value, done=last.done, total=last.total),
        reason=clean_and_cut(found.reason),
        queue=report.queue,
        started=moment(report.start_time),
        ended=moment(report.finish_time) if report.finish_time else None,
    )


def accepted_build(number: ApplicationId, name: str, queue: str, now: float) -> Build:
    """The document of a build that YARN has accepted, and not yet reported.

    Args:
        number: Its application.
        name: The environment.
        queue: The queue to which it was submitted.
        now: Seconds since 1970.
    """
    return Build(
        id=str(number),
        name=name,
        state=State.WAITING,
        step=None,
        reason="",
        queue=queue,
        started=moment(int(now * 1000)),
        ended=None,
    )


# --- requests


def request_body(schema: dict[str, Any]) -> dict[str, Any]:
    """The description of a request with a document; the service reads it itself, with a limit."""
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def _list_of_texts(most: int, description: str) -> dict[str, Any]:
    texts = {"type": "string", "minLength": 1}
    return {
        "type": ["array", "null"],
        "items": texts,
        "maxItems": most,
        "description": description,
    }


def _text(description: str) -> dict[str, Any]:
    return {"type": ["string", "null"], "description": description}


ACCESS: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "users": _list_of_texts(1000, "Names of users on the cluster."),
        "groups": _list_of_texts(1000, "Names of groups."),
        "everyone": {"type": ["boolean", "null"], "description": "Whether all users can use it."},
    },
    "example": {"users": ["bob"], "groups": ["analysts"]},
}
"""The schema of who can use an environment."""
SPECIFICATION: dict[str, Any] = {
    "type": "object",
    "description": "The keys of `yarnhub env`'s specifications, without `lock_file`.",
    "required": ["name"],
    "additionalProperties": False,
    "properties": {
        "schema": {"enum": [1, None]},
        "name": {"type": "string", "minLength": 1, "maxLength": 64},
        "language": _text("`python` or `r`."),
        "python": _text("A version, such as `3.12`, or a range, such as `>=3.11`."),
        "pip": _list_of_texts(2000, "Requirements."),
        "lock": _text("Instead of `pip`: packages with hashes, in pip's format."),
        "conda": {
            "type": ["object", "null"],
            "additionalProperties": False,
            "properties": {
                "channels": _list_of_texts(50, "Names or URLs."),
                "packages": _list_of_texts(2000, "Such as `numpy >=2`."),
                "lock": _text("Instead of `packages`."),
            },
        },
        "kernel": {
            "type": ["object", "null"],
            "description": "The resources of a kernel; `{}` for the site's defaults.",
            "properties": {
                "memory": {"type": ["integer", "string"], "description": "MiB, or with a unit."},
                "vcores": {"type": "integer", "minimum": 1},
            },
        },
        "access": ACCESS | {"type": ["object", "null"]},
    },
    "example": {"name": "table", "pip": ["tabulate>=0.9"], "kernel": {}},
}
"""The schema of a specification; what the texts may be is described elsewhere."""
