"""The base of all requests to an ApplicationMaster, and their common answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

from yarnhub.base.errors import FailureCode  # noqa: TC001  # read by control.json

A = TypeVar("A")

WAIT_SECONDS = 25.0
"""Seconds that a client lets a request wait in the ApplicationMaster before it sends it again."""


class Request(Generic[A]):
    """The root of all requests; `A` is the answer's class."""

    answer: ClassVar[type[Any]]
    idempotent: ClassVar[bool] = False
    """Whether it may be sent again if it is unknown whether it was executed: twice has the effect
    and the answer of once, even with other requests in between."""
    reads: ClassVar[bool] = False
    """Whether it is read-only and answered immediately."""

    @classmethod
    def name(cls) -> str:
        """The name on the wire."""
        return cls.__name__


@dataclass(frozen=True, slots=True)
class Nothing:
    """The answer to a request without a result."""


@dataclass(frozen=True, slots=True)
class Failure:
    """The answer to a request that was refused."""

    code: FailureCode
    message: str
