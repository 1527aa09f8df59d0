"""The end of the audit log, for administrators."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, HTTPException, Query
from pydantic import Field

from yarnhub.server.platform.administrators import require_administrator
from yarnhub.server.platform.description import COMMON, problems
from yarnhub.server.platform.documents import Document
from yarnhub.server.platform.service import IdentityOf, ServiceOf  # noqa: TC001

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yarnhub.server.platform.service import Service

MAX_LINES = 1000
_REFUSED = "Only administrators can see the audit log."
_NONE_KEPT = "The service keeps no audit log: c.Platform.audit_log is not set."

router = APIRouter(prefix="/audit", tags=["audit"], responses={**COMMON, **problems(404, 422)})


class AuditLine(Document):
    """What was done for a user, or refused."""

    time: dt.datetime | None
    """When; null if the line has no time."""
    event: str = Field(examples=["kill"])
    """What happened."""
    actor: str = Field(examples=["alice"])
    """The user who caused it; empty if unknown."""
    details: dict[str, str] = Field(
        examples=[{"application": "application_1795244520406_0001", "user": "alice"}]
    )
    """What else is known of it, as texts."""

    @classmethod
    def of(cls, record: Mapping[str, object]) -> AuditLine:
        """A line of the log's file, which others can write, too."""
        fields = {_sendable(name): _sendable(value) for name, value in record.items()}
        time = None
        with contextlib.suppress(ValueError):
            time = dt.datetime.fromisoformat(fields.pop("time", ""))
        event, actor = fields.pop("event", ""), fields.pop("actor", "")
        return cls(time=time, event=event, actor=actor, details=fields)


def _sendable(value: object) -> str:
    """A text without half of a surrogate pair, which JSON can have and UTF-8 cannot."""
    return str(value).encode(errors="replace").decode()


@router.get("")
async def show_audit(
    service: ServiceOf,
    identity: IdentityOf,
    limit: Annotated[int, Query(ge=1, le=MAX_LINES)] = 100,
) -> tuple[AuditLine, ...]:
    """Show the last lines of the audit log, the latest first. Only administrators can.

    At most 256 KiB of the log are read.
    """
    require_administrator(service, identity, "audit", _REFUSED)
    if not service.audit.is_kept:
        raise HTTPException(404, _NONE_KEPT)
    return await last_lines(service, limit)


async def last_lines(service: Service, number: int) -> tuple[AuditLine, ...]:
    """The last lines of the audit log, the latest first; none if no log is kept."""
    return tuple(map(AuditLine.of, await asyncio.to_thread(service.audit.last, number)))
