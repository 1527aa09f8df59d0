"""How an application ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from yarnhub.appmaster.core.actions import Finish
from yarnhub.base.foreign_text import clean_and_cut
from yarnhub.control.messages import FinalStatus, Nothing, Shutdown

if TYPE_CHECKING:
    from yarnhub.appmaster.core.records import ApplicationRecord
    from yarnhub.appmaster.core.services import Services

_SIGTERM_EXIT = 143


class End:
    """The end of an application: decided once, and over when YARN may be told.

    Attributes:
        finish: How it ends, once that is decided.
        over: Whether it has ended: nothing happens any more.
    """

    def __init__(self) -> None:
        self.finish: Finish | None = None
        self.over = False

    def decide(self, status: FinalStatus, diagnostics: str, *, retriable: bool = False) -> None:
        """Decide how the application ends, unless that is decided."""
        if self.finish is None:
            self.finish = Finish(status, diagnostics, retriable)

    def restore(self, record: ApplicationRecord) -> None:
        """Become what was recorded."""
        self.over = record.over
        if record.final_status is not None:
            self.finish = Finish(record.final_status, record.diagnostics, record.retriable)

    def shut_down(self, request: Shutdown) -> Nothing:
        """End it on a client's request."""
        self.decide(request.status, clean_and_cut(request.diagnostics))
        return Nothing()

    def follow_script(self, exit_code: int) -> None:
        """End it with the script beside the ApplicationMaster."""
        if exit_code == 0:
            self.decide(FinalStatus.SUCCEEDED, "The master's script completed successfully.")
        elif exit_code == _SIGTERM_EXIT:
            self.decide(
                FinalStatus.FAILED,
                "The master's script was asked to end (signal 15): it was killed from outside, "
                "or the container went over its memory limit (master.resources.memory).",
                retriable=True,
            )
        else:
            self.decide(
                FinalStatus.FAILED,
                f"The master's script failed with exit code {exit_code}, see its log "
                "application.driver.log.",
                retriable=True,
            )

    def follow_services(self, services: Services, *, script: bool) -> None:
        """End it when a service has failed, or all are over.

        Args:
            services: The application's.
            script: Whether a script runs beside the ApplicationMaster, with which it ends.
        """
        for service in services.values():
            last = service.last_failure
            if service.failed and last is not None:
                self.decide(
                    FinalStatus.FAILED,
                    f"Failure in service {service.name}: {last.id} ended. {last.exit_message}",
                    retriable=True,
                )
        # Services that begin with no instance wait to be scaled up.
        begun = services.started and any(service.next_number for service in services.values())
        over = all(service.over for service in services.values())
        if begun and over and not script:
            self.decide(FinalStatus.SUCCEEDED, "All services have completed successfully.")
