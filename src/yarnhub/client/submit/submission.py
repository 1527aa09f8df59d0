"""From a specification to what the ResourceManager is sent: pure functions."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from yarnhub.client.submit.checks import check_scripts
from yarnhub.control import bootstrap
from yarnhub.control import json as control_json
from yarnhub.hadoop.wire.tokens import Credentials
from yarnhub.spec.records import application_acls, capability
from yarnhub.yarn.records.applications import (
    ApplicationSubmissionContext,
    ApplicationTimeoutType,
)
from yarnhub.yarn.records.resources import Priority

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from yarnhub.client.access.settings import Settings
    from yarnhub.client.files.staging import Progress
    from yarnhub.hadoop.conf import Configuration
    from yarnhub.hadoop.trust import Trust
    from yarnhub.hadoop.wire.tokens import Token
    from yarnhub.spec import ApplicationSpec
    from yarnhub.yarn.records.cluster import NodeReport
    from yarnhub.yarn.records.ids import ApplicationId
    from yarnhub.yarn.records.launch import ContainerLaunchContext

APPLICATION_TYPE = "skein"


class MasterLaunch(Protocol):
    """What runs an application's ApplicationMaster; see `yarnhub.client.submit.masters`."""

    @property
    def unmanaged(self) -> bool:
        """Whether it runs outside of YARN, which then starts nothing."""
        ...

    async def provided(
        self, spec: ApplicationSpec, settings: Settings, progress: Progress | None, /
    ) -> Self:
        """The same, once the nodes can read all that it needs.

        Cancelling leaves behind only what other applications use as well.
        """
        ...

    def launch_context(self, submission: Submission) -> ContainerLaunchContext:
        """What YARN starts, with what the containers of the application inherit from it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """All that a submission is made of.

    Attributes:
        application_id: From the ResourceManager.
        spec: Its files are staged: sources are URLs that the nodes reach.
        user: Whose application it is.
        schedulers: `host:port` of each ResourceManager's scheduler.
        resource_managers: The same for clients.
        web_proxies: URLs of YARN's web proxies.
        nodes: The cluster's running nodes.
        master: What runs its ApplicationMaster.
        certificate: In PEM.
        key: In PEM.
        tokens: Delegation tokens for the containers.
        viewer: Who submits it for its user, and reads its logs from nodes, which know nobody that
            acts for somebody else; empty where that is the user.
        trust: Whose certificates the cluster's HTTPS servers have, where they do.
        secrets: What the containers of services find in their token files.
        language: `LANG` for them.
        max_attempts: How many attempts the ResourceManager allows.
        staging: The application's folder.
        simple_authentication: Whether the cluster takes names unproven.
    """

    application_id: ApplicationId
    spec: ApplicationSpec
    user: str
    schedulers: tuple[str, ...]
    resource_managers: tuple[str, ...]
    web_proxies: tuple[str, ...]
    nodes: tuple[NodeReport, ...]
    master: MasterLaunch
    certificate: bytes
    key: bytes = field(repr=False)
    tokens: Mapping[str, Token]
    language: str
    simple_authentication: bool
    max_attempts: int = 2
    staging: bootstrap.Staging | None = None
    trust: Trust | None = None
    viewer: str = ""
    secrets: Mapping[str, bytes] = field(default_factory=dict, repr=False)


def submission_context(submission: Submission) -> ApplicationSubmissionContext:
    """What the ResourceManager is sent.

    Raises:
        SpecError: A script is too long to travel.
    """
    spec = submission.spec
    check_scripts(spec)
    unmanaged = submission.master.unmanaged
    return ApplicationSubmissionContext(
        application_id=submission.application_id,
        application_name=spec.name,
        queue=spec.queue,
        priority=Priority(priority=spec.priority),
        am_container_spec=submission.master.launch_context(submission),
        unmanaged_am=unmanaged,
        # The next attempt takes over what runs; the only one of an unmanaged AM goes on when
        # whoever holds it was killed and is started again.
        keep_containers_across_application_attempts=unmanaged or spec.max_attempts > 1,
        max_app_attempts=1 if unmanaged else spec.max_attempts,
        resource=capability(spec.master.resources),
        application_type=APPLICATION_TYPE,
        application_tags=tuple(sorted(spec.tags)),
        node_label_expression=spec.node_label or None,
        application_timeouts={ApplicationTimeoutType.LIFETIME: int(spec.timeout)}
        if spec.timeout
        else {},
    )


def credentials(submission: Submission) -> Credentials:
    """What any ApplicationMaster is told: a managed one finds it in its token file."""
    racks = {report.node_id.host: report.rack_name for report in submission.nodes}
    application = bootstrap.SubmittedApplication(
        specification=json.dumps(submission.spec.to_dict()),
        application_id=str(submission.application_id),
        user=submission.user,
        schedulers=submission.schedulers,
        racks=racks if len(racks) <= bootstrap.MAX_HOSTS else {},
        web_proxies=submission.web_proxies,
        language=submission.language,
        simple_authentication=submission.simple_authentication,
        attempts=min(submission.spec.max_attempts, submission.max_attempts),
        staging=submission.staging,
        acls={
            access.name: names
            for access, names in application_acls(submission.spec.acls, submission.viewer).items()
        },
    )
    secrets = {
        bootstrap.APPLICATION: control_json.dump(application),
        bootstrap.CERTIFICATE: submission.certificate,
        bootstrap.KEY: submission.key,
        bootstrap.RESOURCE_MANAGERS: ",".join(submission.resource_managers).encode(),
        **bootstrap.named_secrets(submission.secrets),
    }
    if submission.trust is not None:
        secrets[bootstrap.TRUST] = control_json.dump(submission.trust)
    return Credentials(submission.tokens, secrets)


def max_attempts(configuration: Configuration) -> int:
    """How many attempts the ResourceManager allows. Source: yarn-default.xml, RMAppImpl."""
    default = configuration.get_int("yarn.resourcemanager.am.max-attempts", 2)
    return configuration.get_int("yarn.resourcemanager.am.global.max-attempts", default)
