"""The request to YARN for a session: from a user's choice to a specification; no I/O."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from yarnhub.base.units import MiB, Seconds, VCores
from yarnhub.sessions.container_secrets import packed
from yarnhub.sessions.shell_quoting import PLACE, why_unsafe
from yarnhub.sessions.tags import words_for
from yarnhub.spec import ACLs, ApplicationSpec, File, Resources, Service

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from yarnhub.sessions.tags import HubTags

_PARTS = ("prologue", "singleuser_command", "epilogue")
"""The parts of a script, as named in its template."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRequest:
    """The properties of one session.

    Attributes:
        user: The name on the cluster of the user that it runs as.
        owner: The user's name in the hub.
        hub: The tags of the hub.
        name: The session's name; empty for a user's default session.
        queue: The queue to submit it to.
        memory: The memory, in bytes.
        vcores: Virtual cores.
        resource_types: Amounts of other resource types, such as `yarn.io/gpu`.
        node_label: The label of the nodes that it may run on; if empty, the queue's default.
        priority: The priority among the queue's applications.
        command: Words of a shell command, from the administrator.
        arguments: Arguments of the command, taken literally.
        script_template: The script, with `{prologue}`, `{singleuser_command}` and `{epilogue}`.
        prologue: Lines before the command.
        epilogue: Lines after the command.
        files: The files, by their names in the container's folder.
        environment: Environment variables, including secret ones.
        secret_variables: Names of the secret ones. YARN writes the others into a file, and shows
            them to administrators.
        secret_files: Contents of files that only the program can read, by name.
        tags: Tags of the application.
        acls: Who, besides the user, can view and kill it.
        grace_period: Seconds between SIGTERM and SIGKILL.
        application_master: Where its ApplicationMaster runs: `hub` or `cluster`.
    """

    user: str
    owner: str
    hub: HubTags
    name: str = ""
    queue: str = "default"
    memory: int
    vcores: int = 1
    resource_types: Mapping[str, int] = field(default_factory=dict)
    node_label: str = ""
    priority: int = 0
    command: Sequence[str]
    arguments: Sequence[str] = ()
    script_template: str = "{prologue}\n{singleuser_command}\n{epilogue}"
    prologue: str = ""
    epilogue: str = ""
    files: Mapping[str, File] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    secret_variables: frozenset[str] = frozenset()
    secret_files: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    tags: Sequence[str] = ()
    acls: ACLs = field(default=ACLs())
    grace_period: float = 0
    application_master: str = "hub"

    @property
    def specification(self) -> ApplicationSpec:
        """The specification for YARN; contains no secrets.

        Raises:
            SpecError: A property is not valid, such as the name of a file.
        """
        resources = Resources(
            memory=MiB(-(-self.memory // 2**20)),
            vcores=VCores(self.vcores),
            custom=self.resource_types,
        )
        variables = {
            name: value
            for name, value in self.environment.items()
            if name not in self.secret_variables
        }
        service = Service(
            resources=resources,
            script=self.script,
            files=self.files,
            env=variables,
            grace_period=Seconds(self.grace_period),
        )
        return ApplicationSpec(
            name=self.hub.kind,
            queue=self.queue,
            user=self.user,
            node_label=self.node_label,
            priority=self.priority,
            # YARN may start a second ApplicationMaster if it runs on the cluster.
            max_attempts=1 if self.application_master == "hub" else 2,
            tags={
                self.hub.kind,
                self.hub.all_sessions,
                self.identity,
                *words_for(self.owner, self.name),
                *self.tags,
            },
            acls=self.acls,
            services={self.hub.kind: service},
        )

    @property
    def identity(self) -> str:
        """The tag of this session: at most one application has it."""
        return self.hub.session(self.user, self.owner, self.name)

    @property
    def script(self) -> str:
        """The script of the container."""
        words = [*self.command, *map(shlex.quote, self.arguments)]
        return self.script_template.format(
            prologue=self.prologue, singleuser_command=" ".join(words), epilogue=self.epilogue
        )

    @property
    def secrets(self) -> dict[str, bytes]:
        """The secrets for the container's token file."""
        variables = {
            name: value for name, value in self.environment.items() if name in self.secret_variables
        }
        return packed(variables, self.secret_files)


def why_unsafe_script(template: str, written: Collection[str]) -> str:
    """Why a user's text would not be one word in a script; empty if it would.

    Args:
        template: The template of the script.
        written: The settings that contain text from the user.
    """
    parts = {part for part in _PARTS if part in written}
    if not {"cmd", "args"}.isdisjoint(written):
        parts.add("singleuser_command")
    for name in sorted(parts):
        text = template.format(**dict.fromkeys(_PARTS, "") | {name: PLACE})
        if reason := why_unsafe(text, name):
            return reason
    return ""
