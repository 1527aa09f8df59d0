"""The part of the spawner that says what is asked of YARN for a server."""

from __future__ import annotations

import re
from dataclasses import replace
from inspect import isawaitable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from jupyterhub.traitlets import ByteSpecification, Command
from traitlets import Callable as CallableTrait
from traitlets import Dict, Enum, Integer, List, TraitError, Unicode, validate

from yarnhub.base.errors import ConfigurationError
from yarnhub.integrations.jupyterhub.choosing import Choosing
from yarnhub.integrations.jupyterhub.command import with_our_program
from yarnhub.integrations.jupyterhub.request import SERVICE, HubTags, ServerRequest
from yarnhub.integrations.jupyterhub.whole_numbers import WholeNumber
from yarnhub.spec import ACLs, ApplicationSpec, File
from yarnhub.unmanaged.folder import Folder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_LAST_PORT = 2**16 - 1
_RANGE = re.compile(r"(\d{1,5})-(\d{1,5})")


class Asking(Choosing):
    """A spawner that knows what to ask for; it stands before JupyterHub's own class."""

    start_timeout = Integer(
        300, help="Seconds that a server may take to start, waiting in its queue included."
    ).tag(config=True)
    ip = Unicode(
        "",
        help="""The address at which servers listen on their nodes. By default, those that the hub
        finds for the node's name; with `0.0.0.0` all that the node has, for proxies that reach it
        by another one.""",
    ).tag(config=True)
    port = Integer(
        0, min=0, max=_LAST_PORT, help="The port of every server; 0 is a free one of the node's."
    ).tag(config=True)
    port_range = Unicode(
        "",
        help="""The ports of servers, such as `40000-41000`, where a firewall lets only those
        through. Each server of a node takes another one. Empty leaves it to the node.""",
    ).tag(config=True)
    application_master = Enum(
        ["hub", "cluster"],
        default_value="hub",
        help="""Where the ApplicationMasters of servers run. In the hub a server is one container
        and starts faster; it is ended if no hub runs for as long as YARN waits for an
        ApplicationMaster (`yarn.am.liveness-monitor.expiry-interval-ms`, 15 minutes). On the
        cluster it is two containers, and needs no hub.""",
    ).tag(config=True)
    queue = Unicode("default", help="The YARN queue that pays.").tag(config=True)
    localize_files = Dict(
        help="""What YARN puts into a server's folder: names, each with a path, a URL or the
        document of a file of an application's specification."""
    ).tag(config=True)
    prologue = Unicode("", help="Lines of shell before the server's command.").tag(config=True)
    epilogue = Unicode("", help="Lines of shell behind it.").tag(config=True)
    cmd = Command(
        ["python -m yarnspawner.singleuser"],
        allow_none=True,
        help="""The command that runs a server, in words of shell. It has to end in
        `python -m yarnspawner.singleuser`, which stands for `jupyterhub-singleuser` and
        `jupyter-labhub` where these are named.""",
    ).tag(config=True)
    mem_limit = ByteSpecification(
        "2 G", help="Memory of a server's container, in bytes, or with K, M, G or T."
    ).tag(config=True)
    cpu_limit = WholeNumber(1, min=1, help="Virtual cores of a server's container.").tag(
        config=True
    )
    script_template = Unicode(
        "{prologue}\n{singleuser_command}\n{epilogue}",
        help="The script of a container, out of `prologue`, `singleuser_command`, `epilogue`.",
    ).tag(config=True)

    # --- beyond yarnspawner 0.4

    resource_types = Dict(
        value_trait=WholeNumber(min=0),
        help="More of what the cluster has, such as `{'yarn.io/gpu': 1}`.",
    ).tag(config=True)
    node_label = Unicode("", help="Where servers run; empty is the queue's default.").tag(
        config=True
    )
    priority = WholeNumber(
        0, min=0, help="Among the applications of the queue, higher ones first."
    ).tag(config=True)
    application_tags = List(
        Unicode(), help="Words to find the servers' applications by, beside the hub's own."
    ).tag(config=True)
    acls = Dict(
        help="""Who besides the user may see the application and its logs, and end it, as in a
        specification: `{'enable': True, 'view_groups': ['support']}`, say."""
    ).tag(config=True)
    grace_period = WholeNumber(
        5, min=0, help="Seconds between asking a server to end and killing it."
    ).tag(config=True)
    modify_application_hook: Any = CallableTrait(
        None,
        allow_none=True,
        help="""Called with the spawner and the `ApplicationSpec` before it is submitted; returns
        the one to submit; may be async.""",
    ).tag(config=True)
    applications_folder = Unicode(
        "yarn-applications",
        help="""Where the hub keeps what it needs to go on with running servers after a restart,
        and the secret by which it knows its own: a folder of its own, secret, on a local disk,
        for one hub at a time.""",
    ).tag(config=True)

    certificates: dict[str, bytes]
    hub: Any  # JupyterHub's own, as those below
    name: str
    get_env: Callable[[], dict[str, str]]
    get_args: Callable[[], Sequence[str]]

    identity = ""
    """Whose and which server this is on the cluster; empty until it is started."""
    _tags: ClassVar[dict[Path, HubTags]] = {}
    """By the folder that they depend on: one for all spawners of a hub."""

    @validate("port_range")
    def _check_port_range(self, proposal: Any) -> str:  # Any: traitlets' own
        value: str = proposal.value
        found = _RANGE.fullmatch(value)
        if value and not (found and 0 < int(found[1]) <= int(found[2]) <= _LAST_PORT):
            raise TraitError(
                f"c.YarnSpawner.port_range has to be two ports such as 40000-41000, not {value!r}"
            )
        return value

    @property
    def ports(self) -> tuple[int, int]:
        """The first and the last that a server may take; 0 for any."""
        found = _RANGE.fullmatch(self.port_range)
        if self.port or not found:
            return self.port, self.port
        return int(found[1]), int(found[2])

    @property
    def hub_tags(self) -> HubTags:
        """The tags of the hub's applications.

        Raises:
            ConfigurationError: The hub's secret cannot be had.
        """
        folder = Path(self.applications_folder).absolute()
        if folder not in self._tags:
            kept = Folder(folder)
            kept.claim()
            self._tags[folder] = HubTags(kept.secret())
        return self._tags[folder]

    async def chosen_request(self) -> ServerRequest:
        """What the user has chosen, and the administrator for all the rest.

        Raises:
            SpawnException: It is not offered, or nothing is started for this user.
        """
        user = self.cluster_user_name()
        with self.overridden(await self.chosen()):
            request = self._request_of(user)
        self.identity = request.identity
        return request

    def _request_of(self, user: str) -> ServerRequest:
        return ServerRequest(
            user=user,
            owner=self.user.name,
            hub=self.hub_tags,
            server=self.name,
            queue=self.queue,
            memory=self.mem_limit,
            vcores=self.cpu_limit,
            resource_types=self.resource_types,
            node_label=self.node_label,
            priority=self.priority,
            command=with_our_program(self.cmd or ()),
            arguments=self.get_args(),
            script_template=self.script_template,
            prologue=self.prologue,
            epilogue=self.epilogue,
            files=self._files(),
            environment=self._variables(),
            certificates=self.certificates,
            tags=self.application_tags,
            acls=ACLs.read(self.acls),
            grace_period=self.grace_period,
            application_master=self.application_master,
        )

    def _variables(self) -> dict[str, str]:
        variables: dict[str, object] = {**self.get_env()}
        for name, value in variables.items():
            if not isinstance(value, str | int | float):
                raise ConfigurationError(
                    f"c.YarnSpawner.environment: {name} has to be a text or a number, and is a "
                    f"{type(value).__name__}"
                )
        return {name: str(value) for name, value in variables.items()}

    async def modified(self, spec: ApplicationSpec) -> ApplicationSpec:
        """What the administrator's hook makes of a specification.

        Raises:
            ConfigurationError: None that can be submitted.
        """
        if self.modify_application_hook is None:
            return spec
        modified = self.modify_application_hook(self, spec)
        if isawaitable(modified):
            modified = await modified
        if not isinstance(modified, ApplicationSpec) or set(modified.services) != {SERVICE}:
            raise ConfigurationError(
                "c.YarnSpawner.modify_application_hook must return the ApplicationSpec to submit, "
                f"with the one service {SERVICE!r}, and returned a {type(modified).__name__}"
            )
        if modified.user != spec.user:
            raise ConfigurationError(
                f"c.YarnSpawner.modify_application_hook changed the user {spec.user!r} to "
                f"{modified.user!r}: c.YarnSpawner.cluster_user maps users"
            )
        # The hub finds its servers by its own tags.
        return replace(modified, tags={*modified.tags, *spec.tags})

    def _files(self) -> dict[str, File]:
        return {
            name: each if isinstance(each, File) else File.read(each)
            for name, each in self.localize_files.items()
        }
