"""The packages and programs on the hub's host."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import shutil
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import yarnhub
from yarnhub.integrations.doctor import commands
from yarnhub.integrations.doctor.finding import error, ok, warning

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from yarnhub.integrations.doctor.deployment import Deployment
    from yarnhub.integrations.doctor.finding import Finding

PACKAGE = "yarnhub"
_SHARED = ("skein", "yarnspawner")
"""Our packages whose names other distributions use too."""
_REINSTALL = f"pip install --force-reinstall --no-deps {PACKAGE}"
_UV_REINSTALL = f"uv pip install --reinstall-package {PACKAGE} {PACKAGE}"
_PROXY = "configurable-http-proxy"


async def check_owners(deployment: Deployment) -> Finding:
    """Check whether another distribution has overwritten, shadowed or deleted our packages."""
    del deployment
    return await asyncio.to_thread(_check_owners)


def _check_owners() -> Finding:
    return _find_packages() or judge_owners(metadata.packages_distributions())


def _find_packages() -> Finding | None:
    home = Path(yarnhub.__file__).parents[1]
    for package in _SHARED:
        spec = importlib.util.find_spec(package)
        origin = spec.origin if spec else None
        if origin is None:
            problem = (
                f"files of {PACKAGE}'s {package} are missing: another package of this name deleted "
            )
            return error(f"{problem}them when it was uninstalled", _reinstall())
        if Path(origin).parent != home / package:
            problem = f"`import {package}` finds {origin}, which is not {PACKAGE}'s"
            return error(problem, "uninstall the package that it belongs to")
    return None


def _reinstall(*others: str) -> str:
    """Commands that uninstall other packages and reinstall ours, which loses files by that."""
    names = " ".join(others)
    pip = f"pip uninstall --yes {names} && {_REINSTALL}" if others else _REINSTALL
    uv = f"uv pip uninstall {names} && {_UV_REINSTALL}" if others else _UV_REINSTALL
    return f"`{pip}`, or with uv `{uv}`"


def judge_owners(owners: Mapping[str, Sequence[str]]) -> Finding:
    """The finding for the distributions that each of our packages belongs to."""
    others = {
        package: sorted(set(owners.get(package, ())) - {PACKAGE})
        for package in _SHARED
        if set(owners.get(package, ())) - {PACKAGE}
    }
    if not others:
        return ok(f"{' and '.join(_SHARED)} are {PACKAGE}'s alone")
    names = sorted({name for each in others.values() for name in each})
    problem = "; ".join(
        f"{package} also belongs to {' and '.join(of)}" for package, of in others.items()
    )
    return error(
        f"{problem}: the installed files may be of either package",
        _reinstall(*names),
    )


async def check_versions(deployment: Deployment) -> Finding:
    """Check the versions of JupyterHub and JupyterLab."""
    del deployment
    names = ("jupyterhub", "jupyterlab", "jupyterhub-idle-culler")
    return judge_versions({name: _version(name) for name in names})


def _version(name: str) -> str:
    with contextlib.suppress(metadata.PackageNotFoundError):
        return metadata.version(name)
    return ""


def judge_versions(versions: Mapping[str, str]) -> Finding:
    """The finding for the installed versions; empty for a package that is not installed."""
    hub = versions["jupyterhub"]
    installed = ", ".join(f"{name} {version}" for name, version in versions.items() if version)
    if not hub:
        return error("JupyterHub is not installed here", "`pip install 'yarnhub[hub]'`")
    if int(hub.partition(".")[0]) < 6:
        return error(
            f"{installed}: yarnspawner needs JupyterHub 6", "`pip install 'jupyterhub>=6'`"
        )
    if not versions["jupyterhub-idle-culler"]:
        return warning(
            f"{installed}, and no jupyterhub-idle-culler: idle servers keep their containers",
            "`pip install 'yarnhub[hub]'`",
        )
    return ok(installed)


async def check_proxy(deployment: Deployment) -> Finding:
    """Check that JupyterHub's proxy, and the Node that it needs, are installed."""
    path = deployment.options.environment.get("PATH")
    command = shutil.which(_PROXY, path=path)
    mend = f"install Node 20 or later and `npm install -g {_PROXY}@5`, or run the proxy elsewhere"
    if command is None:
        node = shutil.which("node", path=path)
        return warning(
            f"{_PROXY} not found in PATH; {'Node is ' + node if node else 'Node not found'}", mend
        )
    text, worked = await _run_version(command, dict(deployment.options.environment))
    if not worked:
        return error(f"{command} does not run: {text}", mend)
    return ok(f"{_PROXY} {text} ({command})")


async def _run_version(command: str, environment: dict[str, str]) -> tuple[str, bool]:
    ended = await commands.run_command(command, "--version", environment=environment)
    lines = (ended.output + ended.errors).strip().splitlines() or ["no output"]
    return lines[-1], ended.code == 0
