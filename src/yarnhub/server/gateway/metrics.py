"""Metrics for Prometheus."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import prometheus_client
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_BUCKETS = (0.5, 1, 2, 3, 5, 8, 13, 20, 30, 60, 120, 300, 600, 1800)


class Metrics:
    """The metrics of one service, in a registry of their own.

    Args:
        states: The states of all kernels.
        gauges: Numbers by name and description, read when the metrics are.
    """

    content_type = prometheus_client.CONTENT_TYPE_LATEST

    def __init__(
        self,
        states: Callable[[], Iterable[str]],
        gauges: Iterable[tuple[str, str, Callable[[], float]]] = (),
    ) -> None:
        self._registry = prometheus_client.CollectorRegistry()
        self._registry.register(_States(states))
        for name, description, read in gauges:
            gauge = prometheus_client.Gauge(name, description, registry=self._registry)
            gauge.set_function(read)
        self._starts = prometheus_client.Counter(
            "yarnhub_kernel_starts", "Kernels whose start was accepted", registry=self._registry
        )
        self._failures = prometheus_client.Counter(
            "yarnhub_kernel_failures",
            "Kernels that were refused, could not be started, or died",
            ["cause"],
            registry=self._registry,
        )
        self._ready = prometheus_client.Histogram(
            "yarnhub_kernel_ready_seconds",
            "Seconds from the request to a kernel that is ready, the wait in the queue included",
            buckets=_BUCKETS,
            registry=self._registry,
        )

    def started(self) -> None:
        """Count a kernel whose start was accepted."""
        self._starts.inc()

    def ready(self, seconds: float) -> None:
        """Note how long a kernel took to become ready."""
        self._ready.observe(seconds)

    def failed(self, cause: str) -> None:
        """Count a failure.

        Args:
            cause: One of a closed set: each has a time series of its own.
        """
        self._failures.labels(cause).inc()

    def text(self) -> bytes:
        """All of them, in Prometheus' text format."""
        text: bytes = prometheus_client.generate_latest(self._registry)
        return text


class _States(Collector):
    def __init__(self, states: Callable[[], Iterable[str]]) -> None:
        self._states = states

    def collect(self) -> Iterator[GaugeMetricFamily]:
        family = GaugeMetricFamily("yarnhub_kernels", "Kernels by state", labels=["state"])
        for state, number in sorted(Counter(self._states()).items()):
            family.add_metric([state], number)
        yield family
