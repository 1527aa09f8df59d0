"""Whose applications a process can hold: with Kerberos, those of others alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from client.sites import other, settings
from client.submissions import SERVICE, submission
from hadoop.tickets import Ticket
from yarnhub.base.errors import ConfigurationError, ConnectError, DeadlineExceededError, RemoteError
from yarnhub.client.submit.submitter import Submitter
from yarnhub.hadoop.security.users import KerberosUser
from yarnhub.spec import ApplicationSpec
from yarnhub.unmanaged import UnmanagedApplications
from yarnhub.yarn.records.applications import ApplicationReport, YarnApplicationState

if TYPE_CHECKING:
    from pathlib import Path

    from yarnhub.yarn.records.ids import ApplicationId
    from yarnhub.yarn.resource_manager import ResourceManager


SERVICES = {"s": SERVICE}


@pytest.mark.parametrize("user", ["", "hub"])
async def test_an_application_of_ones_own_is_refused_before_anything_is_done(
    tmp_path: Path, user: str
) -> None:
    login = other(settings(tmp_path), KerberosUser(Ticket()))
    held = UnmanagedApplications(login, folder=tmp_path / "held", host="localhost")
    with pytest.raises(ConfigurationError, match="YARN issues hub no token for an unmanaged"):
        await held.submit(ApplicationSpec(user=user, services=SERVICES))


def test_yarn_knows_by_the_principal_who_acts_for_nobody(tmp_path: Path) -> None:
    simple = settings(tmp_path)
    login = other(simple, KerberosUser(Ticket()))
    assert login.by_principal
    assert not login.acting_for("alice").by_principal
    assert not simple.by_principal


class GivesNoToken:
    """A ResourceManager that runs an application and never gives its token."""

    async def get_application_report(self, application_id: ApplicationId) -> ApplicationReport:
        return ApplicationReport(
            application_id=application_id,
            yarn_application_state=YarnApplicationState.ACCEPTED,
            diagnostics="AM container is launched",
        )


async def test_a_token_that_never_comes_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    manager = cast("ResourceManager", GivesNoToken())  # all that is asked of it
    submitter = Submitter(settings(tmp_path), manager)
    waiting = submission(ApplicationSpec(services=SERVICES))
    with pytest.raises(DeadlineExceededError, match=r"no token for .*AM container is launched"):
        await submitter.am_rm_token(waiting, deadline=0.1)


class Router:
    """A federation's, as Hadoop 3.4.2's answers."""

    async def get_application_report(self, application_id: ApplicationId) -> ApplicationReport:
        raise RemoteError(
            "java.io.IOException",
            "no protocol: N/A",
            method="getApplicationReport",
            address="router:8050",
        )


async def test_what_a_federations_router_cannot_do_is_told(tmp_path: Path) -> None:
    manager = cast("ResourceManager", Router())  # all that is asked of it
    submitter = Submitter(settings(tmp_path), manager)
    with pytest.raises(ConfigurationError, match=r"Router at router:8050 .*application_master ="):
        await submitter.am_rm_token(submission(ApplicationSpec(services=SERVICES)))


async def test_a_submission_may_take_as_long_as_it_takes(tmp_path: Path) -> None:
    (tmp_path / "held").mkdir(mode=0o700)
    held = UnmanagedApplications(settings(tmp_path), folder=tmp_path / "held", host="localhost")
    with pytest.raises(ConnectError):
        await held.submit(ApplicationSpec(services=SERVICES), deadline=None)
