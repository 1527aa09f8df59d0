"""A build as an application of its user: one container, which is never started twice. No I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from yarnhub.base.units import MiB, Seconds, VCores
from yarnhub.spec import ApplicationSpec, Resources, Service
from yarnhub.spec import _reading as reading

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from yarnhub.spec import File

TAG = "yarnhub-build"
"""The tag of all builds."""
_NAME_TAG = re.compile(rf"{TAG}:[a-z0-9][a-z0-9._-]{{0,63}}")
BUILDER, FOLDER = "builder", "build"
"""In the container: the folder of the builder archive, and the folder where it builds."""
SERVICE = "build"
LOG = f"{SERVICE}.log"
"""The file with all that it prints."""
_MEMORY, _VCORES, _TIMEOUT = MiB(2048), VCores(1), Seconds(2 * 3600)
_GRACE = Seconds(20)
"""For a build that is canceled to delete the part that it has uploaded."""
# `umask`: others cannot read the environment, which can have packages of a private index.
_SCRIPT = f"""\
umask 077
mkdir {FOLDER} || exit
export PYTHONPATH="$PWD/{BUILDER}/packages"
exec "$PWD/{BUILDER}/python/bin/python3" -P -s -m yarnhub.environments.cluster_build.container
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildOptions(reading.Element):
    """What a build requests from YARN.

    Attributes:
        queue: The queue.
        resources: Of the container: a build needs some hundreds of MiB, and with more vcores it
            compiles faster.
        timeout: Seconds from the submission, after which YARN ends it.
        node_label: The label of its node; empty for the queue's default.
    """

    queue: str = "default"
    resources: Resources = field(default=Resources(memory=_MEMORY, vcores=_VCORES))
    timeout: Seconds = _TIMEOUT
    node_label: str = ""

    checks: ClassVar[reading.Checks] = {
        "queue": reading.filled,
        "resources": Resources.read,
        "timeout": reading.duration(1),
        "node_label": reading.text,
    }


def name_tag(name: str) -> str:
    """The tag of builds of an environment; YARN tags are in lower case, as such names are.

    Not the tag of applications that use an environment: a name can be the key of another one.
    """
    return f"{TAG}:{name}"


def built_name(tags: Collection[str]) -> str | None:
    """The environment that an application with these tags builds; None if it is not a build."""
    found = [each.removeprefix(f"{TAG}:") for each in tags if _NAME_TAG.fullmatch(each)]
    return found[0] if TAG in tags and len(found) == 1 else None


def build_application(
    name: str, root: str, options: BuildOptions, files: Mapping[str, File]
) -> ApplicationSpec:
    """The application.

    Args:
        name: The environment's name.
        root: The folder in which environments are published, for whose file system the container
            needs a token.
        options: What it requests from YARN.
        files: The files of the container: the builder archive, the request, certificates.

    Raises:
        SpecError: An option is invalid.
    """
    service = Service(
        resources=options.resources,
        script=_SCRIPT,
        grace_period=_GRACE,
        files=files,
    )
    return ApplicationSpec(
        name=f"build {name}",
        queue=options.queue,
        node_label=options.node_label,
        tags=frozenset({TAG, name_tag(name)}),
        file_systems=(root,) if "://" in root else (),
        timeout=options.timeout,
        services={SERVICE: service},
    )
