"""Checks before a submission."""

from __future__ import annotations

from typing import TYPE_CHECKING

from yarnhub.base.errors import SpecError
from yarnhub.yarn import launch

if TYPE_CHECKING:
    from yarnhub.spec import ApplicationSpec, Resources
    from yarnhub.yarn.records.resources import Resource


def check_scripts(spec: ApplicationSpec) -> None:
    """Refuse scripts that are too long.

    Raises:
        SpecError: A script is too long.
    """
    for name, service in spec.services.items():
        size = len(launch.escape(service.script).encode())
        if size > launch.MAX_SCRIPT_BYTES:
            raise SpecError(
                f"services.{name}.script",
                f"{size} bytes are too long for a script, the limit is {launch.MAX_SCRIPT_BYTES}:"
                f" put"
                f" it in a file, name the file under `files`, and run it from here",
            )


def check_resources(spec: ApplicationSpec, largest: Resource) -> None:
    """Refuse requests that exceed the cluster's largest container.

    Raises:
        SpecError: A resource of a service is too large.
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
