"""From a specification to what the ResourceManager is sent: pure functions."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from yarnhub.base.errors import SpecError
from yarnhub.client.submit import runtime
from yarnhub.control import bootstrap
from yarnhub.control import json as control_json
from yarnhub.hadoop.wire.tokens import Credentials
from yarnhub.spec.records import application_acls, capability, local_resources
from yarnhub.yarn import launch
from yarnhub.yarn.records.applications import (
    ApplicationSubmissionContext,
    ApplicationTimeoutType,
)
from yarnhub.yarn.records.launch import ContainerLaunchContext
from yarnhub.yarn.records.resources import Priority, Resource

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yarnhub.hadoop.conf import Configuration
    from yarnhub.hadoop.trust import Trust
    from yarnhub.hadoop.wire.tokens import Token
    from yarnhub.spec import ApplicationSpec, File, Resources
    from yarnhub.yarn.records.cluster import NodeReport
    from yarnhub.yarn.records.ids import ApplicationId

APPLICATION_TYPE = "skein"
MASTER_LOG = "application.master.log"

_RUN_MASTER = f"""\
{launch.run_token_file()}
echo "This node has no Python 3.11 or newer on its PATH ($PATH): name one in the specification as \
master.env.YARNHUB_PYTHON, an absolute path that all nodes have, or say 'archive' there: then the \
client brings its own." >&2
exit 127"""


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
        program: The AM's code; None for an unmanaged AM, which YARN does not start.
        certificate: In PEM.
        key: In PEM.
        tokens: Delegation tokens for the containers.
        viewer: Who submits it for its user, and reads its logs from nodes, which know nobody that
            acts for somebody else; empty where that is the user.
        trust: Whose certificates the cluster's HTTPS servers have, where they do.
        secrets: What the containers of services find in their token files.
        language: `LANG` for them.
        python: What runs the AM, where its environment does not say: see `Settings.python`.
        runtime: The runtime archive, where that is what runs the AM.
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
    program: bytes | None
    certificate: bytes
    key: bytes = field(repr=False)
    tokens: Mapping[str, Token]
    language: str
    simple_authentication: bool
    python: str = ""
    runtime: File | None = None
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
    unmanaged = submission.program is None
    return ApplicationSubmissionContext(
        application_id=submission.application_id,
        application_name=spec.name,
        queue=spec.queue,
        priority=Priority(priority=spec.priority),
        am_container_spec=_master_context(submission),
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


def _master_context(submission: Submission) -> ContainerLaunchContext:
    acls = application_acls(submission.spec.acls, submission.viewer)
    if submission.program is None:
        # Nothing is launched; the ResourceManager renews these tokens and holds to the ACLs.
        return ContainerLaunchContext(
            tokens=Credentials(submission.tokens).write(), application_acls=acls
        )
    master = submission.spec.master
    docker = master.docker.environment if master.docker else {}
    variables = {"LANG": submission.language, **docker, **master.env}
    files = dict(master.files)
    if submission.python:
        variables.setdefault(runtime.VARIABLE, submission.python)
    if submission.runtime is not None:
        variables[runtime.VARIABLE] = runtime.PYTHON
        files[runtime.FOLDER] = submission.runtime
    if submission.simple_authentication:
        variables["HADOOP_USER_NAME"] = submission.user
    return ContainerLaunchContext(
        local_resources=local_resources(files),
        tokens=credentials(submission).write(),
        environment=launch.environment(variables),
        command=(launch.command(_RUN_MASTER, MASTER_LOG),),
        application_acls=acls,
    )


def credentials(submission: Submission) -> Credentials:
    """What the AM finds in its token file."""
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
    if submission.program is not None:
        secrets[bootstrap.PROGRAM] = submission.program
    return Credentials(submission.tokens, secrets)


def max_attempts(configuration: Configuration) -> int:
    """How many attempts the ResourceManager allows. Source: yarn-default.xml, RMAppImpl."""
    default = configuration.get_int("yarn.resourcemanager.am.max-attempts", 2)
    return configuration.get_int("yarn.resourcemanager.am.global.max-attempts", default)


def check_scripts(spec: ApplicationSpec) -> None:
    """Refuse scripts that cannot travel.

    Raises:
        SpecError: Says which and what to do.
    """
    for name, service in spec.services.items():
        size = len(launch.escape(service.script).encode())
        if size > launch.MAX_SCRIPT:
            raise SpecError(
                f"services.{name}.script",
                f"{size} bytes are too long for a script, {launch.MAX_SCRIPT} is the most: "
                "put it into a file, name that under `files`, and run it from here",
            )


def check_resources(spec: ApplicationSpec, largest: Resource) -> None:
    """Refuse what the cluster can never give.

    Raises:
        SpecError: Says which resource of which service is too large.
    """
    limits = largest.amounts()
    _check_against(limits, spec.master.resources, "master")
    for name, service in spec.services.items():
        _check_against(limits, service.resources, f"services.{name}")


def _check_against(limits: dict[str, int], wanted: Resources, path: str) -> None:
    if wanted.memory > limits["memory-mb"]:
        raise SpecError(
            f"{path}.resources.memory",
            f"{wanted.memory} MiB are more than this cluster's largest container, "
            f"{limits['memory-mb']} MiB",
        )
    if wanted.vcores > limits["vcores"]:
        raise SpecError(
            f"{path}.resources.vcores",
            f"{wanted.vcores} are more than this cluster's largest container has, "
            f"{limits['vcores']}",
        )
    for name, amount in wanted.resource_types.items():
        if amount and name not in limits:
            raise SpecError(
                f"{path}.resources",
                f"this cluster has no resource type {name}; it has {', '.join(sorted(limits))}",
            )
        if amount > limits.get(name, 0):
            raise SpecError(
                f"{path}.resources",
                f"{amount} of {name} are more than this cluster's largest container has, "
                f"{limits[name]}",
            )
