"""The request for a server, from the settings of its spawner."""

from __future__ import annotations

from dataclasses import replace
from inspect import isawaitable
from typing import TYPE_CHECKING

from yarnhub.base.errors import ConfigurationError
from yarnhub.integrations.jupyterhub.command import with_our_program
from yarnhub.sessions.request import SessionRequest
from yarnhub.spec import ACLs, ApplicationSpec, File

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yarnhub.integrations.jupyterhub.traits import SpawnerTraits
    from yarnhub.sessions.tags import HubTags

SERVICE = "jupyterhub"
"""The name of a server's application and of its only service, as in yarnspawner 0.4."""
SECRET_VARIABLES = frozenset({"JUPYTERHUB_API_TOKEN", "JPY_API_TOKEN"})
"""Secret variables, which are not part of the launch context that YARN shows."""


def request_of(
    spawner: SpawnerTraits, user: str, hub: HubTags, certificates: Mapping[str, bytes]
) -> SessionRequest:
    """The request for a server, from the current settings.

    Args:
        spawner: The spawner with the settings.
        user: The user's name on the cluster.
        hub: The tags of the hub.
        certificates: The server's, with `internal_ssl`.

    Raises:
        ConfigurationError: A setting is not valid.
    """
    return SessionRequest(
        user=user,
        owner=spawner.user.name,
        hub=hub,
        name=spawner.name,
        queue=spawner.queue,
        memory=spawner.mem_limit,
        vcores=spawner.cpu_limit,
        resource_types=spawner.resource_types,
        node_label=spawner.node_label,
        priority=spawner.priority,
        command=with_our_program(spawner.cmd or ()),
        arguments=spawner.get_args(),
        script_template=spawner.script_template,
        prologue=spawner.prologue,
        epilogue=spawner.epilogue,
        files=_files(spawner),
        environment=_variables(spawner),
        secret_variables=SECRET_VARIABLES,
        secret_files=certificates,
        tags=spawner.application_tags,
        acls=ACLs.read(spawner.acls),
        grace_period=spawner.grace_period,
        application_master=spawner.application_master,
    )


async def modified(spawner: SpawnerTraits, spec: ApplicationSpec) -> ApplicationSpec:
    """The specification that the administrator's hook returns.

    Raises:
        ConfigurationError: The hook returned a specification that cannot be submitted.
    """
    if spawner.modify_application_hook is None:
        return spec
    modified = spawner.modify_application_hook(spawner, spec)
    if isawaitable(modified):
        modified = await modified
    if not isinstance(modified, ApplicationSpec) or set(modified.services) != {SERVICE}:
        raise ConfigurationError(
            "c.YarnSpawner.modify_application_hook must return the ApplicationSpec to submit, "
            f"with the only service {SERVICE!r}, but returned a {type(modified).__name__}"
        )
    if modified.user != spec.user:
        raise ConfigurationError(
            f"c.YarnSpawner.modify_application_hook changed the user {spec.user!r} to "
            f"{modified.user!r}: map users with c.YarnSpawner.cluster_user"
        )
    # The hub recognizes its servers by these tags.
    return replace(modified, tags={*modified.tags, *spec.tags})


def _variables(spawner: SpawnerTraits) -> dict[str, str]:
    variables: dict[str, object] = {**spawner.get_env()}
    for name, value in variables.items():
        if not isinstance(value, str | int | float):
            raise ConfigurationError(
                f"c.YarnSpawner.environment: {name} must be a string or a number, not a "
                f"{type(value).__name__}"
            )
    return {name: str(value) for name, value in variables.items()}


def _files(spawner: SpawnerTraits) -> dict[str, File]:
    return {
        name: each if isinstance(each, File) else File.read(each)
        for name, each in spawner.localize_files.items()
    }
