"""What is asked of YARN for a session: from what was chosen to a specification; no I/O."""

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
"""Of a script, as its template names them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRequest:
    """What one session is started with.

    Attributes:
        user: The cluster's name of the user that it runs as.
        owner: The hub's name of the user.
        hub: Whose tags it gets.
        name: Its own; empty for a user's default one.
        queue: That pays.
        memory: Bytes.
        vcores: Virtual cores.
        resource_types: More of what the cluster has, such as `yarn.io/gpu`.
        node_label: Where it may run; empty is the queue's default.
        priority: Among the queue's applications.
        command: Words of a shell's line, which the administrator wrote.
        arguments: Of the command, meant literally.
        script_template: With `{prologue}`, `{singleuser_command}` and `{epilogue}`.
        prologue: Lines before the command.
        epilogue: Lines behind it.
        files: By the name that they have in the container's folder.
        environment: Variables, secret ones included.
        secret_variables: Names of those that are. YARN writes the others into a file, and shows
            them to administrators.
        secret_files: Contents of files that only the program may read, by name.
        tags: Words to find the application by.
        acls: Who besides the user may see and end it.
        grace_period: Seconds between being asked to end and being killed.
        application_master: Where it runs: `hub` or `cluster`.
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
        """What YARN is asked for; nothing in it is secret.

        Raises:
            SpecError: Something chosen is not valid, such as a name of a file.
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
            # YARN may start a second ApplicationMaster, where it starts one.
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
        """The tag of this one session: there is never more than one of it."""
        return self.hub.session(self.user, self.owner, self.name)

    @property
    def script(self) -> str:
        """What the container runs."""
        words = [*self.command, *map(shlex.quote, self.arguments)]
        return self.script_template.format(
            prologue=self.prologue, singleuser_command=" ".join(words), epilogue=self.epilogue
        )

    @property
    def secrets(self) -> dict[str, bytes]:
        """What the container finds in its token file."""
        variables = {
            name: value for name, value in self.environment.items() if name in self.secret_variables
        }
        return packed(variables, self.secret_files)


def why_unsafe_script(template: str, written: Collection[str]) -> str:
    """Why a script would not have what a user writes as one word; empty if it has.

    Args:
        template: The script's.
        written: The settings that the user has written something of.
    """
    parts = {part for part in _PARTS if part in written}
    if not {"cmd", "args"}.isdisjoint(written):
        parts.add("singleuser_command")
    for name in sorted(parts):
        text = template.format(**dict.fromkeys(_PARTS, "") | {name: PLACE})
        if reason := why_unsafe(text, name):
            return reason
    return ""
