"""How an application ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from yarnhub.appmaster.core.actions import Finish
from yarnhub.control.messages import FinalStatus, Nothing, Shutdown
from yarnhub.control.outcomes import Cause, Outcome, Subject

if TYPE_CHECKING:
    from yarnhub.appmaster.core.records import ApplicationRecord
    from yarnhub.appmaster.core.services import Services


class ApplicationEnd:
    """The end of an application: decided once, and over when it can be reported to YARN.

    Attributes:
        finish: How it ends; None before that is decided.
        over: Whether it has ended; then no more actions follow.
    """

    def __init__(self) -> None:
        self.finish: Finish | None = None
        self.over = False

    def decide(self, status: FinalStatus, outcome: Outcome, *, retriable: bool = False) -> None:
        """Decide how the application ends, unless that is already decided."""
        if self.finish is None:
            self.finish = Finish(status, outcome, retriable)

    def restore(self, record: ApplicationRecord) -> None:
        """Restore the recorded state."""
        self.over = record.over
        if record.final_status is not None:
            assert record.outcome is not None
            self.finish = Finish(record.final_status, record.outcome, record.retriable)

    def shut_down(self, request: Shutdown) -> Nothing:
        """End it on a client's request."""
        cause, said = Cause.REQUESTED, request.diagnostics
        self.decide(request.status, Outcome(cause=cause, subject=Subject.APPLICATION, raw=said))
        return Nothing()

    def follow_script(self, exit_code: int) -> None:
        """End it with the script in the ApplicationMaster's container."""
        status = FinalStatus.FAILED if exit_code else FinalStatus.SUCCEEDED
        outcome = Outcome.of_code(exit_code, subject=Subject.SCRIPT)
        self.decide(status, outcome, retriable=bool(exit_code))

    def follow_services(self, services: Services, *, script: bool) -> None:
        """End it if a service has failed, or all have ended.

        Args:
            services: The application's services.
            script: Whether a script runs in the ApplicationMaster's container, with which it ends.
        """
        over = True
        for service in services.values():
            over = over and service.over
            last = service.last_failure
            if service.failed and last is not None and last.outcome is not None:
                outcome = last.outcome.of_application(last.id)
                self.decide(FinalStatus.FAILED, outcome, retriable=True)
        if not over or script:
            return
        # Services that start without instances wait to be scaled up.
        if services.started and any(service.next_number for service in services.values()):
            finished = Outcome(cause=Cause.FINISHED, subject=Subject.APPLICATION)
            self.decide(FinalStatus.SUCCEEDED, finished)
