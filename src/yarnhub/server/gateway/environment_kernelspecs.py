"""The kernelspecs of environments in HDFS: their names and what they contain; no I/O."""

from __future__ import annotations

import collections
import hashlib
import operator
import os
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from jupyter_client.kernelspec import KernelSpec

from yarnhub.base.errors import SpecError
from yarnhub.kernels import bounds, kernelspec, kernelspec_file
from yarnhub.kernels.environment import ENVIRONMENT
from yarnhub.spec import _reading as reading

if TYPE_CHECKING:
    from collections.abc import Iterable

    from yarnhub.environments.published.environment import PublishedEnvironment
    from yarnhub.spec import Resources

PREFIX = "env-"
"""What the names of these kernelspecs begin with."""
MOST = 150
"""Kernelspecs of environments that a user sees; users' servers keep 200 of a service."""
_R_ARGV = (f"{{resource_dir}}/{ENVIRONMENT}/bin/R", *kernelspec_file.R_ARGV[1:])
"""The environment's R. The build has made `bin/R` find its files from its own folder."""
_PLAIN = re.compile(r"[a-z0-9_][a-z0-9_.]{0,30}")
"""Owners whose names are part of kernelspecs' names, which have at most 100 characters."""


def kernelspec_name(owner: str, name: str) -> str:
    """The name of an environment's kernelspec, which no other environment has.

    The owner's part has no '-': an environment's name with a '-' is not mistaken for one of another
    owner. Names of owners that Jupyter does not accept, or with a '-', are replaced by a hash.

    Args:
        owner: The owner's name on the cluster.
        name: The environment's.
    """
    return f"{PREFIX}{owner_part(owner)}-{name}"


def owner_part(owner: str) -> str:
    """What stands for an owner in the names of kernelspecs."""
    if _PLAIN.fullmatch(owner):
        return owner
    return f".{hashlib.sha256(owner.encode()).hexdigest()[:16]}"


def owner_part_and_name(kernelspec: str) -> tuple[str, str]:
    """What stands for the owner, and the environment's name, in the name of a kernelspec."""
    part, _, name = kernelspec.removeprefix(PREFIX).partition("-")
    return part, name


def by_kernelspec(
    environments: Iterable[PublishedEnvironment], user: str, most: int | None = None
) -> dict[str, PublishedEnvironment]:
    """A user's environments that have a kernel, by the names of their kernelspecs.

    The user's own come first, and then the same number of each other owner's, so that no owner
    displaces the others.

    Args:
        environments: The environments.
        user: The name on the cluster of the user who sees them.
        most: How many are returned; None for all.
    """
    found = [each for each in environments if each.manifest.has_kernel]
    found.sort(key=lambda each: (each.owner, each.name))
    counts: collections.Counter[str] = collections.Counter()
    ranked = []
    for each in found:
        counts[each.owner] += 1
        ranked.append((each.owner != user, counts[each.owner], each.owner, each))
    ranked.sort(key=operator.itemgetter(0, 1, 2))
    return {kernelspec_name(each.owner, each.name): each for *_, each in ranked[:most]}


def kernelspec_of(
    environment: PublishedEnvironment, user: str, site: Mapping[str, object]
) -> Any:  # jupyter_client's KernelSpec has no types
    """The kernelspec of an environment with a kernel, for its current version.

    Args:
        environment: The environment.
        user: The name on the cluster of the user who sees it.
        site: The keys of `config` of all these kernelspecs. The environment's `kernel` has
            precedence over the resources, up to their `limits`; without one, it has no more GPUs
            and other resources than the site's. `spark` is for Python only.
    """
    template = kernelspec_file.LANGUAGES[environment.manifest.language]
    if template is kernelspec_file.R:
        site = {key: value for key, value in site.items() if key != "spark"}
        template = {**template, "argv": _R_ARGV}
    document = kernelspec_file.for_yarn(
        template,
        {
            **site,
            **_within(_resources(environment), site),
            "environment": {
                **_unpacking(site),
                "archive": environment.file().to_dict(),
                "key": environment.manifest.key,
            },
        },
        _display_name(environment, user),
    )
    # jupyter_server searches this folder for logos, and the current one if it is empty.
    return KernelSpec(resource_dir=os.devnull, **document)


def is_of_environment(spec: Any) -> bool:  # jupyter_client's KernelSpec, or of another manager
    """Whether `kernelspec_of` has returned a kernelspec: then it is in no folder."""
    return bool(spec.resource_dir == os.devnull)


def check_resources(environment: PublishedEnvironment, site: Mapping[str, object]) -> None:
    """Check that an environment's `kernel` is within the `limits` of the site.

    Raises:
        SpecError: It is not; names the key.
    """
    for key, bound in _bounds(site).items():
        wanted = _resources(environment).get(key)
        if isinstance(wanted, int) and wanted > bound:
            raise SpecError(
                f"kernel.{key}",
                f"of the environment {environment.name!r} is {bounds.shown(key, wanted)}, and "
                f"must be at most {bounds.shown(key, bound)} here: change it in the specification, "
                "and publish the environment again",
            )
    given = _types(site)
    for name, wanted in _types(_resources(environment)).items():
        if wanted > given.get(name, 0):
            raise SpecError(
                f"kernel.resource_types.{name}",
                f"of the environment {environment.name!r} is {wanted}, and must be at most "
                f"{given.get(name, 0)} here: change it in the specification, and publish the "
                "environment again",
            )


def check_site(config: Mapping[str, object]) -> None:
    """Check the keys of `config` of all these kernelspecs.

    Raises:
        SpecError: One is unknown, or invalid; names the key.
    """
    unpacking = _unpacking(config)
    if set(unpacking) - {"unpack", "cache_size"}:
        reason = "is a different one in each kernelspec: only `unpack` and `cache_size` can be set"
        raise SpecError("environment", reason)
    any_archive = {**unpacking, "archive": "hdfs:///any.tar.gz"}
    kernelspec.KernelspecConfig.read({**config, "environment": any_archive})


def _unpacking(site: Mapping[str, object]) -> Mapping[str, object]:
    """How environments are unpacked."""
    with reading.at("environment"):
        return reading.as_mapping(site.get("environment", {}))


def _resources(environment: PublishedEnvironment) -> dict[str, object]:
    """What an environment's `kernel` sets, by the keys of a kernelspec."""
    kernel: Resources | None = environment.manifest.kernel
    if kernel is None:
        return {}
    types = dict(kernel.resource_types)
    return {
        "memory": kernel.memory * bounds.MEBIBYTE,
        "vcores": kernel.vcores,
        "gpus": types.pop(kernelspec.GPU, 0),
        "resource_types": types,
    }


def _within(resources: Mapping[str, object], site: Mapping[str, object]) -> dict[str, object]:
    most, given = _bounds(site), _types(site)
    found = {
        key: min(value, most.get(key, value))
        for key, value in resources.items()
        if isinstance(value, int)
    }
    types = {name: min(value, given.get(name, 0)) for name, value in _types(resources).items()}
    return {**found, "resource_types": {**given, **types}} if resources else {}


def _bounds(site: Mapping[str, object]) -> dict[str, int]:
    """The greatest amounts, by the keys of a kernelspec."""
    limits = bounds.read_limits(site.get("limits") or {})
    gpus = site.get("gpus")
    return {
        "gpus": gpus if isinstance(gpus, int) else 0,
        **{
            bounds.VARIABLES[variable].changes: bound
            for variable, bound in limits.items()
            if isinstance(bound, int)
        },
    }


def _types(config: Mapping[str, object]) -> dict[str, int]:
    """Other resources than memory, vcores and GPUs."""
    types = config.get("resource_types")
    return dict(types) if isinstance(types, Mapping) else {}


def _display_name(environment: PublishedEnvironment, user: str) -> str:
    whose = "" if environment.owner == user else f" of {environment.owner}"
    manifest = environment.manifest
    language, version = "Python", manifest.python
    if manifest.language == "r":
        language, version = "R", manifest.packages.get("r-base", "")
    version = ".".join(version.split(".")[:2])
    return f"{environment.name}{whose} ({f'{language} {version}'.strip()})"
