"""Remote methods and the protocols that they belong to, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

Q = TypeVar("Q")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Method(Generic[Q, R]):
    """One remote method: its name and the messages that it takes and gives."""

    name: str
    request: type[Q]
    response: type[R]
    idempotent: bool = False
    """Whether carrying it out twice is the same as once: only then is a call whose outcome is
    unknown repeated."""


@dataclass(frozen=True, slots=True)
class Protocol:
    """A Java interface that a daemon serves."""

    name: str
    """Such as `org.apache.hadoop.yarn.api.ApplicationClientProtocolPB`."""
    version: int = 1
