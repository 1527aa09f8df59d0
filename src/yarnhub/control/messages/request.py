"""What all requests to an ApplicationMaster are, and the answers that any of them may get."""

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
    """Whether it may be sent again when it is not known whether it was carried out: twice has the
    effect and the answer of once, whatever others do between."""
    reads: ClassVar[bool] = False
    """Whether it changes nothing and is answered at once."""

    @classmethod
    def name(cls) -> str:
        """The name on the wire."""
        return cls.__name__


@dataclass(frozen=True, slots=True)
class Nothing:
    """The answer of a request that is carried out in silence."""


@dataclass(frozen=True, slots=True)
class Failure:
    """The answer to a request that was refused."""

    code: FailureCode
    message: str
