"""From a kernelspec and the arguments of Jupyter's managers to a request for a kernel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from yarnhub.kernels.kernelspec import Kernelspec, read, request_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yarnhub.kernels.request import KernelRequest

SESSION_NAME = "JPY_SESSION_NAME"
"""Jupyter Server's variable with the notebook's path."""
_PREFIX = "KERNEL_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """For whom a kernel runs.

    Attributes:
        name: The user's name at the service or the hub.
        user: The user's name on the cluster.
    """

    name: str
    user: str


def allowed(env: Mapping[str, str] | None, config: Mapping[str, Any]) -> dict[str, str]:
    """The variables of a request that can leave this server.

    Jupyter Server passes its whole environment, with its secrets, when a notebook starts a kernel.

    Args:
        env: The variables of the request; None for none.
        config: The `metadata.kernel_provisioner.config` of the kernelspec, unchecked.
    """
    names = config.get("allowed_env")
    names = {SESSION_NAME, *(names if isinstance(names, list) else ())}
    given = env or {}
    return {
        name: value for name, value in given.items() if name.startswith(_PREFIX) or name in names
    }


def kernel_request(
    kernel_id: str,
    name: str,
    spec: Any,  # jupyter_client's KernelSpec
    config: Mapping[str, Any],  # of JSON
    *,
    env: Mapping[str, str],
    asked: Mapping[str, str],
    owner: Owner,
    cwd: str = "",
) -> KernelRequest:
    """The request for a kernel.

    Args:
        kernel_id: The kernel's id.
        name: The kernelspec's name.
        spec: The kernelspec.
        config: Its `metadata.kernel_provisioner.config`.
        env: The kernelspec's variables.
        asked: The variables of the client's request that are allowed.
        owner: For whom.
        cwd: The notebook's folder on this server, if it is known.

    Raises:
        SpecError: The kernelspec is invalid, or the request is for more than it allows.
    """
    variables = {key: value for key, value in asked.items() if key != SESSION_NAME}
    return request_of(
        read(config),
        Kernelspec(name=name, argv=spec.argv, env=env, interrupt_mode=spec.interrupt_mode),
        id=kernel_id,
        owner=owner.name,
        user=owner.user,
        asked=variables,
        cwd=cwd,
        notebook=asked.get(SESSION_NAME, ""),
    )
