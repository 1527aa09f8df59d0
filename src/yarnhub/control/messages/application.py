"""Requests about the application as a whole."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from yarnhub.control.messages.request import Nothing, Request


class FinalStatus(enum.Enum):
    """The final status of an application."""

    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    KILLED = "KILLED"
    UNDEFINED = "UNDEFINED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Specification:
    """The effective specification, as a JSON document."""

    document: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GetSpecification(Request[Specification]):
    """Get the specification."""

    answer = Specification
    reads = True
    idempotent = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Shutdown(Request[Nothing]):
    """End the application; answered before it ends."""

    answer = Nothing
    status: FinalStatus = FinalStatus.SUCCEEDED
    diagnostics: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetProgress(Request[Nothing]):
    """Set the progress, 0 to 1, in YARN's reports."""

    answer = Nothing
    idempotent = True
    progress: float
