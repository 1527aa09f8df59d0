"""Delegation tokens that replace older ones."""

from __future__ import annotations

from dataclasses import dataclass, field

from yarnhub.control.messages.request import Nothing, Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """Delegation tokens as a token file without secrets (HDTS); empty if there are none.

    Later ones have a greater `number`, in a later attempt of the application too.
    """

    number: int
    tokens: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateTokens(Request[Nothing]):
    """Use these delegation tokens from now on, given as a token file (HDTS).

    Containers that are started later get them, and running ones are notified. Only the delegation
    tokens of the file are used.
    """

    answer = Nothing
    idempotent = True
    tokens: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchTokens(Request[Tokens]):
    """Get tokens that are newer than the number `after`, as soon as there are some.

    After `timeout` seconds the answer is empty.
    """

    answer = Tokens
    idempotent = True
    after: int = 0
    timeout: float = 30.0
