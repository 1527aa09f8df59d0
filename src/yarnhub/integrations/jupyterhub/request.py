"""What a server's application is: from what was chosen to a specification; no I/O."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from yarnhub.base.units import MiB, Seconds, VCores
from yarnhub.spec import ACLs, ApplicationSpec, File, Resources, Service

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

SERVICE = "jupyterhub"
"""The one service of a server's application, with one instance."""
CONTAINER = f"{SERVICE}_0"
NAME = "jupyterhub"
"""What YARN shows, as yarnspawner 0.4 named it."""
TAG = "jupyterhub"

SECRET_VARIABLES = frozenset({"JUPYTERHUB_API_TOKEN", "JPY_API_TOKEN"})
"""YARN writes a container's variables into a file and shows them to administrators."""
VARIABLE = "variable:"
FILE = "file:"
"""What the names of secrets begin with: variables of the server's process, files of its folder."""

_IDENTITY = re.compile(r"server-[0-9a-f]{16}")
_NOT_IN_TAGS = re.compile(r"[^a-z0-9._-]")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerRequest:
    """What one server is started with.

    Attributes:
        user: The cluster's name of the user that it runs as.
        owner: The hub's name of the user.
        hub: Tells this hub from others on the cluster.
        server: Its name; empty for a user's default server.
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
        certificates: Contents of files that only the server may read, by name.
        tags: Words to find the application by.
        acls: Who besides the user may see and end it.
        grace_period: Seconds between being asked to end and being killed.
        application_master: Where it runs: `hub` or `cluster`.
    """

    user: str
    owner: str
    hub: str = ""
    server: str = ""
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
    certificates: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    tags: Sequence[str] = ()
    acls: ACLs = field(default=ACLs())
    grace_period: float = 0
    application_master: str = "hub"

    @property
    def specification(self) -> ApplicationSpec:
        """What YARN is asked for; nothing in it is secret.

        Raises:
            SpecError: Something chosen cannot be: a name of a file, say.
        """
        resources = Resources(
            memory=MiB(-(-self.memory // 2**20)),
            vcores=VCores(self.vcores),
            custom=self.resource_types,
        )
        variables = {
            name: value for name, value in self.environment.items() if name not in SECRET_VARIABLES
        }
        service = Service(
            resources=resources,
            script=self.script,
            files=self.files,
            env=variables,
            grace_period=Seconds(self.grace_period),
        )
        return ApplicationSpec(
            name=NAME,
            queue=self.queue,
            user=self.user,
            node_label=self.node_label,
            priority=self.priority,
            # YARN may start a second ApplicationMaster, where it starts one.
            max_attempts=1 if self.application_master == "hub" else 2,
            tags={
                TAG,
                tag_of_hub(self.hub),
                identity(self.hub, self.owner, self.server),
                *tags_of(self.owner, self.server),
                *self.tags,
            },
            acls=self.acls,
            services={SERVICE: service},
        )

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
            f"{VARIABLE}{name}": value.encode()
            for name, value in self.environment.items()
            if name in SECRET_VARIABLES
        }
        files = {f"{FILE}{name}": content for name, content in self.certificates.items()}
        return variables | files


def tag_of_hub(hub: str) -> str:
    """By which a hub finds all its servers."""
    return f"{TAG}-{_digest(hub)}"


def identity(hub: str, owner: str, server: str) -> str:
    """The tag of one user's one server: there is never more than one of it."""
    return f"server-{_digest(hub, owner, server)}"


def identity_in(tags: Iterable[str]) -> str:
    """The identity among an application's tags; empty if there is none."""
    return next((tag for tag in tags if _IDENTITY.fullmatch(tag)), "")


def _digest(*parts: str) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def tags_of(owner: str, server: str) -> tuple[str, ...]:
    """Words by which an administrator finds a user's servers; YARN takes lower-case ones.

    Names are written in what tags may hold, so two users may have the same.
    """
    user = f"user-{_NOT_IN_TAGS.sub('_', owner.lower())}"[:100]
    return (user, f"named-{_NOT_IN_TAGS.sub('_', server.lower())}"[:100]) if server else (user,)
