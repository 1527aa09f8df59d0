"""What a server's application is: from what was chosen to a specification; no I/O."""

from __future__ import annotations

import hmac
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

_IDENTITY = re.compile(r"server-([0-9a-f]{32})-([0-9a-f]{32})")
_NOT_IN_TAGS = re.compile(r"[^a-z0-9._-]")


class HubTags:
    """The tags by which one hub knows its own applications on YARN.

    YARN takes any tag from anybody and shows it to others: what somebody copies, or makes up, must
    not pass for the hub's. So they are made with a secret, and hold for one user of the cluster.

    Args:
        secret: Of this hub alone, and always the same.
    """

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self.all_servers = f"{TAG}-{self._code('hub')}"
        """Of all of the hub's applications, to ask for them; it proves nothing."""

    def server(self, user: str, owner: str, name: str) -> str:
        """The identity of a server.

        Args:
            user: The cluster's name of the user that it runs as.
            owner: The hub's name of the user.
            name: The server's; empty for the default one.
        """
        which = self._code("server", owner, name)
        return f"server-{which}-{self._code('user', user, which)}"

    def identity(self, tags: Iterable[str], user: str) -> str:
        """The identity among an application's tags; empty if this hub did not start it.

        Args:
            tags: The application's.
            user: Whose it is, as YARN says.
        """
        for tag in tags:
            match = _IDENTITY.fullmatch(tag)
            if match and hmac.compare_digest(match[2], self._code("user", user, match[1])):
                return tag
        return ""

    def _code(self, *parts: str) -> str:
        return hmac.digest(self._secret, json.dumps(parts).encode(), "sha256").hex()[:32]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerRequest:
    """What one server is started with.

    Attributes:
        user: The cluster's name of the user that it runs as.
        owner: The hub's name of the user.
        hub: Whose tags it gets.
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
    hub: HubTags
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
                self.hub.all_servers,
                self.identity,
                *tags_of(self.owner, self.server),
                *self.tags,
            },
            acls=self.acls,
            services={SERVICE: service},
        )

    @property
    def identity(self) -> str:
        """The tag of this one server: there is never more than one of it."""
        return self.hub.server(self.user, self.owner, self.server)

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


def tags_of(owner: str, server: str) -> tuple[str, ...]:
    """Words by which an administrator finds a user's servers; YARN takes lower-case ones.

    Names are written in what tags may hold, so two users may have the same.
    """
    user = f"user-{_NOT_IN_TAGS.sub('_', owner.lower())}"[:100]
    return (user, f"named-{_NOT_IN_TAGS.sub('_', server.lower())}"[:100]) if server else (user,)
