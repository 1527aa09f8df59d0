"""The part of a container's memory that a Dask worker may use."""

from __future__ import annotations

NANNY = 128 * 1024 * 1024
"""Bytes of a worker's container for the process that watches the worker: it takes 70 MiB."""


def memory_limit(worker_memory: int) -> int:
    """What a worker may use, so that Dask spills to disk before YARN kills the container.

    Args:
        worker_memory: Bytes of the container.

    Returns:
        Bytes.
    """
    return worker_memory - min(NANNY, worker_memory // 4)
