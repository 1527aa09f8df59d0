"""The content of an application's pages: pure functions of its state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from yarnhub.control.messages import ACTIVE_STATES, ContainerState, KeyRange
from yarnhub.control.outcomes import Outcome  # noqa: TC001  # read by control.json
from yarnhub.control.words import describe

if TYPE_CHECKING:
    from yarnhub.appmaster.core.application import Application
    from yarnhub.appmaster.core.instances import Instance
    from yarnhub.appmaster.core.services import ServiceInstances
    from yarnhub.control.messages import Entry

MAX_SHOWN = 200
"""The maximum number of a service's running, waiting, and ended containers each on a page."""
MAX_KEYS = 500
"""The maximum number of keys on a page."""
_TAIL = "?start=-4096"
"""The number of last bytes of a log to which links lead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The data about an application that only its shell has.

    `node` is the web address of the AM's NodeManager, `container` the AM's own.
    """

    id: str
    name: str
    user: str
    scheme: str
    node: str
    container: str
    start_time: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A name and a URL."""

    name: str
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerView:
    """One container; its log is on its node, until the application has ended."""

    id: str
    state: ContainerState
    node: str
    runtime: float | None
    exit_message: str
    outcome: Outcome | None
    log: Link | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceView:
    """One service; its running containers first, then waiting ones, then the latest ended."""

    name: str
    counts: dict[str, int]
    containers: tuple[ContainerView, ...]
    more: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """An application, with times in seconds and memory in MiB."""

    id: str
    name: str
    user: str
    queue: str
    state: str
    diagnostics: str
    start_time: float
    runtime: float
    progress: float | None
    memory: int
    vcores: int
    logs: tuple[Link, ...]
    pages: tuple[Link, ...]
    services: tuple[ServiceView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeysView:
    """Keys that begin with a prefix: the first of them, and their number.

    `secret` is the reason why their values are not shown; empty if they are.
    """

    id: str
    name: str
    pages: tuple[Link, ...]
    prefix: str
    count: int
    entries: tuple[Entry, ...]
    secret: str


def overview(application: Application, origin: Origin, now: float) -> Overview:
    """The overview of an application."""
    running = [
        instance.container.resource
        for service in application.services.values()
        for instance in service.find(ContainerState.RUNNING)
        if instance.container
    ]
    master, finish = application.spec.master, application.finish
    return Overview(
        id=origin.id,
        name=origin.name,
        user=origin.user,
        queue=application.spec.queue,
        state="RUNNING" if finish is None else finish.status.value,
        diagnostics="" if finish is None else finish.diagnostics,
        start_time=origin.start_time,
        runtime=now - origin.start_time,
        progress=application.progress,
        memory=master.resources.memory + sum(each.memory or 0 for each in running),
        vcores=master.resources.vcores + sum(each.virtual_cores or 0 for each in running),
        logs=tuple(
            _log(origin, origin.node, origin.container, f"application.{name}.log")
            for name in ("master", *(["driver"] if master.script else []))
        ),
        pages=links(application),
        services=tuple(_service(each, origin, now) for each in application.services.values()),
    )


def keys(application: Application, origin: Origin, prefix: str, secret: str) -> KeysView:
    """The keys of an application."""
    found = application.keys.keys(KeyRange(prefix=prefix))
    entries = (application.keys.get(key) for key in found[:MAX_KEYS])
    return KeysView(
        id=origin.id,
        name=origin.name,
        pages=links(application),
        prefix=prefix,
        count=len(found),
        entries=tuple(entry for entry in entries if entry is not None),
        secret=secret,
    )


def links(application: Application) -> tuple[Link, ...]:
    """The pages of services that have a link, with their addresses below the application's."""
    return tuple(
        Link(name=page.link_name, address=f"pages/{page.route}{_slash(page.target)}")
        for page in application.pages.by_route.values()
        if page.link_name is not None
    )


def _slash(target: str) -> str:
    """A page's own relative links need its address to end as its target does."""
    path = target.partition("://")[2].partition("/")[2]
    return "/" if not path or path.endswith("/") else ""


def _service(service: ServiceInstances, origin: Origin, now: float) -> ServiceView:
    running = service.find(ContainerState.RUNNING)
    pending = service.find(ContainerState.REQUESTED) + service.find(ContainerState.WAITING)
    ended = list(reversed(service.ended))
    shown = [each for group in (running, pending, ended) for each in group[:MAX_SHOWN]]
    counts = {state: len(service.find(state)) for state in ACTIVE_STATES} | service.counts
    return ServiceView(
        name=service.name,
        counts={state.value: counts[state] for state in ContainerState},
        containers=tuple(_container(instance, origin, now) for instance in shown),
        more=sum(counts.values()) - len(shown),
    )


def _container(instance: Instance, origin: Origin, now: float) -> ContainerView:
    container, start = instance.container, instance.start_time
    log = None
    if container is not None:
        name = f"{instance.service}.log"
        log = _log(origin, container.node_http_address, str(container.id), name)
    return ContainerView(
        id=instance.id,
        state=instance.state,
        node="" if container is None else container.node_id.host,
        runtime=None if start is None else (instance.finish_time or now) - start,
        exit_message=describe(instance.outcome) if instance.outcome else "",
        outcome=instance.outcome,
        log=log,
    )


def _log(origin: Origin, node: str, container: str, name: str) -> Link:
    path = f"node/containerlogs/{container}/{origin.user}/{name}{_TAIL}"
    return Link(name=name, address=f"{origin.scheme}://{node}/{path}")
