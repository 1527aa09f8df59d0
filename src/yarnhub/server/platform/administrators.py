"""What only administrators can see and do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import HTTPException

from yarnhub.server.audit import Event

if TYPE_CHECKING:
    from yarnhub.server.platform.service import Service
    from yarnhub.server.platform.viewers import Identity


def require_administrator(service: Service, identity: Identity, action: str, words: str) -> None:
    """Refuse users who are not administrators.

    Args:
        service: The service.
        identity: The user.
        action: What is refused, for the audit log.
        words: The refusal, for the user.

    Raises:
        HTTPException: The user is not; it is recorded in the audit log.
    """
    if not service.administrators.allows(identity.viewer):
        what = {"user": identity.viewer.name, "action": action}
        service.audit.write(Event.REFUSE, identity.name, reason=words, **what)
        raise HTTPException(403, words)
