"""What one application can use of its ApplicationMaster.

An ApplicationMaster in a process of its own affects only its own user, so its budgets are large. A
process with the applications of many users gives each application what it needs, so that none of
them can slow down the others.
"""

from __future__ import annotations

from dataclasses import dataclass

KIB, MIB = 1024, 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Budgets:
    """Budgets of one application. The defaults are for a process of its own.

    Attributes:
        requests: The names of the requests that are answered at the control port; None for all.
        body: Bytes in a request.
        answer: Bytes of keys and values in an answer.
        connections: Concurrent connections to the control port; None for no limit of their own.
        streams: Concurrent connections without requests, see `control.frames.STREAM`; likewise.
        at_once: Concurrent requests of one connection.
        rate: Bytes per second that all its connections may use, with `REQUEST` more for each
            request; None for no limit.
        waiting: Concurrent requests that wait for an event.
        keys: Keys in the key-value store.
        key_bytes: Bytes of these keys and their values.
        events: Events of keys that are kept for later requests.
        event_bytes: Bytes of these events.
        operations: Operations and conditions in a transaction, or ranges in a watch.
        instances: Active instances of a service.
        ended: Instances of a service that have ended and whose details are kept.
        env: Bytes of the environment of one instance.
        pages: Web pages of services.
        token_bytes: Bytes of delegation tokens.
    """

    requests: frozenset[str] | None = None
    body: int = 64 * MIB
    answer: int = 64 * MIB
    connections: int | None = None
    streams: int = 0
    at_once: int = 1000
    rate: int | None = None
    waiting: int = 100_000
    keys: int = 1_000_000
    key_bytes: int = 128 * MIB
    events: int = 10_000
    event_bytes: int = 16 * MIB
    operations: int = 10_000
    instances: int = 10_000
    ended: int = 1000
    env: int = 128 * KIB
    pages: int = 1000
    token_bytes: int = MIB


REQUEST = 4 * KIB
"""Bytes that take about as long to read as a small request takes to answer."""
