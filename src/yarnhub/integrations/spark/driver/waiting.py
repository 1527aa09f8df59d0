"""Why a session gets no executors, as the kernel's service finds out from YARN."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from .service import Service, ServiceError

if TYPE_CHECKING:
    from .properties import ExecutorSize

log = logging.getLogger(__name__)


def explain(service: Service, context: Any, size: ExecutorSize) -> str:  # PySpark's
    """Why executors have to wait; empty if that is unknown.

    Args:
        service: The launcher.
        context: The session's.
        size: What YARN is asked for, for each executor.
    """
    if not service.exists or not context.master.startswith("yarn"):
        return ""
    try:
        return service.why_waiting(context.applicationId, memory=size.memory, vcores=size.cores)
    except ServiceError as error:
        log.debug("%s", error)
        return ""
