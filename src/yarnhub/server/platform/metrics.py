"""Metrics for Prometheus: of the cluster and the service, without names of users."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

import prometheus_client
from fastapi import APIRouter, HTTPException, Request, Response
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector
from starlette.routing import Route

from yarnhub.environments.cluster_build.application import TAG
from yarnhub.environments.cluster_build.report import BuildState, reported
from yarnhub.server.metrics_access import REFUSAL, may_read_metrics
from yarnhub.server.platform.description import VERSION
from yarnhub.server.platform.service import ServiceOf, StreamKind
from yarnhub.yarn.records.applications import YarnApplicationState

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from yarnhub.server.platform.service import Service

_BUCKETS = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30)
_OTHER = "other"
"""The route of paths without one, such as those that do not exist."""

router = APIRouter()


@router.get("/metrics", include_in_schema=False)
async def show_metrics(request: Request, service: ServiceOf) -> Response:
    """All metrics in Prometheus' text format, on this host or with the token for metrics."""
    client = request.client.host if request.client is not None else ""
    if not may_read_metrics(request.headers, client, service.metrics_token):
        raise HTTPException(403, REFUSAL)
    metrics: Metrics = request.app.state.metrics
    return Response(metrics.text(), media_type=Metrics.content_type)


class Metrics:
    """The metrics of one service, in a registry of their own.

    Args:
        service: Its parts, which are read when the metrics are.
    """

    content_type = prometheus_client.CONTENT_TYPE_LATEST

    def __init__(self, service: Service) -> None:
        self._service = service
        self._registry = prometheus_client.CollectorRegistry()
        self._registry.register(_Current(service))
        self._responses = prometheus_client.Histogram(
            "yarnhub_platform_response_seconds",
            "Seconds from a request to the beginning of its response",
            ["route", "status"],
            buckets=_BUCKETS,
            registry=self._registry,
        )

    def responded(self, scope: Scope, status: int, seconds: float) -> None:
        """Count a response.

        Args:
            scope: Of its request, after it has been routed.
            status: The HTTP status.
            seconds: From the request to the beginning of the response.
        """
        self._responses.labels(self._template(scope), str(status)).observe(seconds)

    def text(self) -> bytes:
        """All of them, in Prometheus' text format."""
        text: bytes = prometheus_client.generate_latest(self._registry)
        return text

    def _template(self, scope: Scope) -> str:
        """The path of a request's route: requests can have any number of paths."""
        route, prefix = scope.get("route"), self._service.prefix
        if not isinstance(route, Route):
            return _OTHER
        # Depending on the version of FastAPI, with or without what its router is included with.
        path = route.path.removeprefix(prefix).removeprefix(VERSION)
        return VERSION + path if scope["path"].startswith(f"{prefix}{VERSION}/") else path


class Measured:
    """An ASGI application whose responses are counted.

    Args:
        app: The application.
        metrics: Counts them.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Respond to a request."""
        clock = asyncio.get_running_loop().time
        began, has_begun = clock(), False

        def responds(status: int) -> None:
            nonlocal has_begun
            has_begun = True
            self._metrics.responded(scope, status, clock() - began)

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                responds(message["status"])
            await send(message)

        try:
            await self._app(scope, receive, counted)
        finally:
            if not has_begun:  # a fault, for which 500 is sent outside of this
                responds(500)


class _Current(Collector):
    """What is read when the metrics are."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def collect(self) -> Iterator[GaugeMetricFamily | CounterMetricFamily]:
        """See `Collector.collect`."""
        service = self._service
        reports = [row.report for row in service.watch.table]
        states = Counter(each.yarn_application_state for each in reports)
        builds = Counter(reported(each).state for each in reports if TAG in each.application_tags)
        yield GaugeMetricFamily(
            "yarnhub_platform_watch_age_seconds",
            "Seconds since the ResourceManager was last queried with success; at first, infinite",
            service.age(service.watch.freshness.looked),
        )
        yield GaugeMetricFamily(
            "yarnhub_platform_usage_age_seconds",
            "Seconds since the time up to which usage is stored; at first, infinite",
            service.age(service.recorder.stored),
        )
        yield CounterMetricFamily(
            "yarnhub_platform_database_errors",
            "Uses of the database that failed because it did not respond",
            service.database.failures,
        )
        yield GaugeMetricFamily(
            "yarnhub_platform_audit_lost",
            "Lines that the audit log lacks",
            service.audit.lost,
        )
        yield _numbers(
            "yarnhub_platform_applications",
            "Applications that the service knows, by YARN's state",
            "state",
            {each.name: states[each] for each in YarnApplicationState},
        )
        yield _numbers(
            "yarnhub_platform_builds",
            "Builds of environments that YARN reports",
            "state",
            {each.value: builds[each] for each in BuildState},
        )
        yield _numbers(
            "yarnhub_platform_streams",
            "Open streams of events, and downloads of logs",
            "kind",
            {each.value: service.streams.kinds[each] for each in StreamKind},
        )


def _numbers(
    name: str, description: str, label: str, numbers: Mapping[str, int]
) -> GaugeMetricFamily:
    """Numbers by the values of a label."""
    family = GaugeMetricFamily(name, description, labels=[label])
    for value, number in numbers.items():
        family.add_metric([value], number)
    return family
