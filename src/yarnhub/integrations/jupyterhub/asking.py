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
from yarnhub.integrations.jupyterhub.names import SECRET_VARIABLES, SERVICE
from yarnhub.integrations.jupyterhub.whole_numbers import WholeNumber
from yarnhub.sessions.request import SessionRequest
from yarnhub.sessions.tags import HubTags
from yarnhub.spec import ACLs, ApplicationSpec, File
from yarnhub.unmanaged.state_folder import StateFolder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_LAST_PORT = 2**16 - 1
_RANGE = re.compile(r"(\d{1,5})-(\d{1,5})")


class Asking(Choosing):
    """A spawner that knows what to ask for; it stands before JupyterHub's own class."""

    start_timeout = Integer(
        300, help="Seconds that a server may take to start, including the wait in its queue."
    ).tag(config=True)
    ip = Unicode(
        "",
        help="""The address on which servers listen on their nodes. By default, the addresses to
        which the node's name resolves on the hub's machine. Use `0.0.0.0` for all addresses of
        the node, if the proxy reaches nodes at other addresses.""",
    ).tag(config=True)
    port = Integer(
        0, min=0, max=_LAST_PORT, help="The port of every server; 0 means any free port."
    ).tag(config=True)
    port_range = Unicode(
        "",
        help="""The range of servers' ports, such as `40000-41000`, if a firewall only allows
        these. Each server on a node uses a different port. If empty, any free port is used.""",
    ).tag(config=True)
    application_master = Enum(
        ["hub", "cluster"],
        default_value="hub",
        help="""Where the ApplicationMasters of servers run. With `hub`, a server is one
        container and starts faster, but YARN ends it when no hub has been running for 15
        minutes (`yarn.am.liveness-monitor.expiry-interval-ms`). With `cluster`, a server is two
        containers, and does not need a running hub.""",
    ).tag(config=True)
    queue = Unicode("default", help="The YARN queue for servers.").tag(config=True)
    localize_files = Dict(
        help="""Files to place in a server's folder: a mapping of names to paths, URLs, or files
        as in an application's specification."""
    ).tag(config=True)
    prologue = Unicode(
        "",
        help="Shell commands to run before the server's command, such as activating an "
        "environment.",
    ).tag(config=True)
    epilogue = Unicode("", help="Shell commands to run after the server's command.").tag(
        config=True
    )
    cmd = Command(
        ["python -m yarnspawner.singleuser"],
        allow_none=True,
        help="""The command that runs a server, as shell words. It must end with
        `python -m yarnspawner.singleuser`, which also replaces `jupyterhub-singleuser` and
        `jupyter-labhub`.""",
    ).tag(config=True)
    mem_limit = ByteSpecification(
        "2 G", help="The memory of a server's container, in bytes, or with a suffix K, M, G or T."
    ).tag(config=True)
    cpu_limit = WholeNumber(1, min=1, help="The virtual cores of a server's container.").tag(
        config=True
    )
    script_template = Unicode(
        "{prologue}\n{singleuser_command}\n{epilogue}",
        help="The template of the container's script, with `{prologue}`, `{singleuser_command}` "
        "and `{epilogue}`.",
    ).tag(config=True)

    # --- beyond yarnspawner 0.4

    resource_types = Dict(
        value_trait=WholeNumber(min=0),
        help="Amounts of other resource types, such as `{'yarn.io/gpu': 1}`.",
    ).tag(config=True)
    node_label = Unicode(
        "",
        help="The label of the nodes that servers run on. If empty, the queue's default applies.",
    ).tag(config=True)
    priority = WholeNumber(
        0,
        min=0,
        help="The priority among the applications of the queue; higher numbers are served first.",
    ).tag(config=True)
    application_tags = List(
        Unicode(), help="Tags of the servers' applications on YARN, in addition to the hub's own."
    ).tag(config=True)
    acls = Dict(
        help="""Who, besides the user, can view the application and its logs, and kill it, as in
        a specification. For example `{'enable': True, 'view_groups': ['support']}`."""
    ).tag(config=True)
    grace_period = WholeNumber(
        5, min=0, help="Seconds between asking a server to stop and killing it."
    ).tag(config=True)
    modify_application_hook: Any = CallableTrait(
        None,
        allow_none=True,
        help="""A function that is called with the spawner and the `ApplicationSpec` before the
        submission, and returns the specification to submit; can be async.""",
    ).tag(config=True)
    applications_folder = Unicode(
        "yarn-applications",
        help="""The folder with the state of running servers, which the hub needs after a
        restart, and with the secret by which it recognizes them. It must be on a local disk,
        private, and used by nothing but one hub.""",
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
            kept = StateFolder(folder)
            kept.claim()
            self._tags[folder] = HubTags(kept.secret(), SERVICE)
        return self._tags[folder]

    async def chosen_request(self) -> SessionRequest:
        """What the user has chosen, and the administrator for all the rest.

        Raises:
            SpawnException: It is not offered, or nothing is started for this user.
        """
        user = self.cluster_user_name()
        with self.overridden(await self.chosen()):
            request = self._request_of(user)
        self.identity = request.identity
        return request

    def _request_of(self, user: str) -> SessionRequest:
        return SessionRequest(
            user=user,
            owner=self.user.name,
            hub=self.hub_tags,
            name=self.name,
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
            secret_variables=SECRET_VARIABLES,
            secret_files=self.certificates,
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
