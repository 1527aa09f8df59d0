"""From a specification to the ResourceManager's records: pure functions."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from yarnhub.client.submit.checks import check_scripts
from yarnhub.control import bootstrap
from yarnhub.control import json as control_json
from yarnhub.hadoop.wire.tokens import TokenStorage
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
    from yarnhub.yarn.records.resources import Resource

APPLICATION_TYPE = "skein"


class MasterLaunch(Protocol):
    """What runs an application's ApplicationMaster; see `yarnhub.client.submit.masters`."""

    @property
    def unmanaged(self) -> bool:
        """Whether it runs outside of YARN, which then starts no container for it."""
        ...

    @property
    def application_type(self) -> str:
        """The type of its applications in YARN."""
        ...

    def check_room(self, largest: Resource, /) -> None:
        """Refuse containers of its own that exceed the cluster's largest one.

        Raises:
            ConfigurationError: One does.
        """
        ...

    async def ready_on_nodes(
        self, spec: ApplicationSpec, settings: Settings, progress: Progress | None, /
    ) -> Self:
        """A copy, once the nodes can read all that it needs.

        Cancelling leaves only files behind that other applications share.
        """
        ...

    def launch_context(self, submission: Submission) -> ContainerLaunchContext:
        """The container that YARN starts, with what the application's containers inherit."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """The parts of a submission.

    Attributes:
        application_id: From the ResourceManager.
        spec: The specification with staged files: sources are URLs that nodes can read.
        user: The application's owner.
        schedulers: `host:port` of each ResourceManager's scheduler.
        resource_managers: `host:port` of each ResourceManager for clients.
        web_proxies: URLs of YARN's web proxies.
        nodes: The cluster's running nodes.
        master: What runs its ApplicationMaster.
        certificate: In PEM.
        key: In PEM.
        tokens: Delegation tokens for the containers.
        viewer: The submitter who acts for its user, and reads its logs from nodes, which do not
            support proxy users; empty if that is the user.
        trust: The CA of the cluster's HTTPS servers, if any.
        secrets: Secrets for the token files of services' containers.
        language: `LANG` of the containers.
        max_attempts: The number of attempts that the ResourceManager allows.
        staging: The
            application's staging folder.
        simple_authentication: Whether the cluster accepts unauthenticated names.
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
    """The record for the ResourceManager.

    Raises:
        SpecError: A script is too long.
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
        # The next attempt takes over what runs; the only one of an unmanaged AM continues when its
        # holder was killed and is restarted.
        keep_containers_across_application_attempts=unmanaged or spec.max_attempts > 1,
        max_app_attempts=1 if unmanaged else spec.max_attempts,
        resource=capability(spec.master.resources),
        application_type=submission.master.application_type,
        application_tags=tuple(sorted(spec.tags)),
        node_label_expression=spec.node_label or None,
        application_timeouts={ApplicationTimeoutType.LIFETIME: int(spec.timeout)}
        if spec.timeout
        else {},
    )


def credentials(submission: Submission) -> TokenStorage:
    """The settings of any ApplicationMaster: a managed one reads them from its token file."""
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
    return TokenStorage(submission.tokens, secrets)


def max_attempts(configuration: Configuration) -> int:
    """How many attempts the ResourceManager allows. Source: yarn-default.xml, RMAppImpl."""
    default = configuration.get_int("yarn.resourcemanager.am.max-attempts", 2)
    return configuration.get_int("yarn.resourcemanager.am.global.max-attempts", default)
