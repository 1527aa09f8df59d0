"""How long tokens live, and their replacement."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yarnhub.hadoop.codec import encode
from yarnhub.hadoop.wire.identifiers import (
    HDFS,
    RESOURCE_MANAGER,
    YARNDelegationTokenIdentifier,
)
from yarnhub.hadoop.wire.tokens import Token, TokenStorage
from yarnhub.hadoop.wire.writable import sized, vint
from yarnhub.integrations.spark.driver import tokens
from yarnhub.integrations.spark.driver.service import Service, ServiceError
from yarnhub.integrations.spark.driver.tokens import Renewal, pause, shortest_life

ISSUED = 1_795_000_000_000
DAY = 24 * 3600.0


def hdfs(life: int) -> Token:
    names = b"".join(sized(name) for name in (b"alice", b"yarn", b"hub"))
    times = b"".join(map(vint, (ISSUED, ISSUED + life, 7, 1)))
    return Token(b"\0" + names + times, b"secret", HDFS, "10.0.0.1:8020")


def resource_manager(life: int) -> Token:
    identifier = YARNDelegationTokenIdentifier(
        owner="alice", renewer="yarn", issue_date=ISSUED, max_date=ISSUED + life
    )
    return Token(encode(identifier), b"secret", RESOURCE_MANAGER, "10.0.0.1:8032")


def file(*tokens: Token) -> bytes:
    return TokenStorage({str(at): each for at, each in enumerate(tokens)}).write()


@given(st.integers(1, 10**12), st.integers(1, 10**12))
def test_the_shortest_life_counts(one: int, other: int) -> None:
    content = file(hdfs(one), Token(b"x", b"y", "another kind", ""), resource_manager(other))
    assert shortest_life(content) == min(one, other) / 1000


@pytest.mark.parametrize("content", [b"", b"HDTS\x01\x00", b"not tokens", file()])
def test_a_life_that_cannot_be_read_is_unknown(content: bytes) -> None:
    assert shortest_life(content) is None


@given(st.binary(max_size=200), st.integers(0, 300))
def test_damaged_files_are_no_error(noise: bytes, cut: int) -> None:
    shortest_life(b"HDTS\0" + noise)
    shortest_life(file(hdfs(1000), resource_manager(1000))[:cut] + noise)


def test_tokens_are_replaced_after_a_third_of_their_life() -> None:
    assert pause(60) == 20
    assert pause(0.1) == 1
    # A week, within which nobody renews them after the first day.
    assert pause(7 * DAY) == DAY / 3


class Context:
    """PySpark's context, as far as tokens pass through it."""

    def __init__(self) -> None:
        self.pushed: list[bytes] = []
        self.enough = threading.Event()

    @property
    def _jsc(self) -> Any:
        return self

    def sc(self) -> Any:
        return self

    def schedulerBackend(self) -> Any:  # noqa: N802  # Spark's
        return self

    def updateDelegationTokens(self, content: bytearray) -> None:  # noqa: N802
        self.pushed.append(bytes(content))
        if len(self.pushed) == 2:
            self.enough.set()


class Tokens(Service):
    """The launcher's, of which each second request fails."""

    def __init__(self, content: bytes) -> None:
        super().__init__({})
        self.content = content
        self.requests = 0

    def tokens(self) -> bytes:
        self.requests += 1
        if self.requests % 2:
            raise ServiceError("no login")
        return self.content


def test_tokens_are_replaced_before_they_end() -> None:
    content = file(hdfs(100))
    service, context = Tokens(content), Context()
    renewal = Renewal(service, context, content)
    assert context.enough.wait(60)
    renewal.stop()
    assert context.pushed[:2] == [content, content]


def test_a_failure_is_followed_by_another_attempt_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    def instant(life: float, *, failed: bool = False) -> float:
        waits.append(pause(life, failed=failed))
        return 0

    monkeypatch.setattr(tokens, "pause", instant)
    content = file(hdfs(1000 * int(DAY)))
    context = Context()
    renewal = Renewal(Tokens(content), context, content)
    assert context.enough.wait(60)
    renewal.stop()
    assert waits[:4] == [DAY / 3, 300, DAY / 3, 300]


def test_it_is_not_later_than_it_would_be_without_one() -> None:
    assert pause(60, failed=True) == 20
