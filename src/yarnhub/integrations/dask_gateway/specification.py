"""The YARN application of one Dask cluster: a scheduler, and a service of workers; no I/O.

The containers need dask-gateway and distributed, and no yarnhub: what is secret travels in their
token file, and a few lines of Python unpack it.
"""

from __future__ import annotations

import hashlib
import json
import shlex
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from yarnhub.base.errors import SpecError
from yarnhub.base.units import MiB, VCores
from yarnhub.sessions.tags import words_for
from yarnhub.spec import ApplicationSpec, Resources, Service

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from yarnhub.kernels.environment import Environment
    from yarnhub.spec import File

SCHEDULER, WORKER = "dask.scheduler", "dask.worker"
"""The services; the second has dask-gateway's name for it."""
WORKER_NAME = "DASK_GATEWAY_WORKER_NAME"
SCHEDULER_ADDRESS = "DASK_GATEWAY_SCHEDULER_ADDRESS"
"""Variables of a worker's container."""
CERTIFICATE, KEY, TOKEN = "dask.crt", "dask.pem", "dask.token"
_SECRET = "dask.files"  # noqa: S105  # a name
_MARK = b"yarnhub.dask\xff"
"""What the files follow in a token file; no text contains it."""
_CLUSTER = "dask-cluster-"
_UNPACK = f"""\
import json, os
with open(os.environ["HADOOP_TOKEN_FILE_LOCATION"], "rb") as file:
    packed = file.read().partition({_MARK!r})[2].decode("latin-1")
for name, text in json.JSONDecoder().raw_decode(packed)[0].items():
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    with open(os.open(name, flags, 0o600), "w") as file:
        file.write(text)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """The scheduler, or the workers.

    Attributes:
        memory: Bytes of a container.
        cores: Virtual cores of a container.
        setup: Shell lines before the command.
        command: Words of a shell's line.
        environment: Environment variables; none of them is secret.
    """

    memory: int
    cores: int
    setup: str
    command: Sequence[str]
    environment: Mapping[str, str]


def specification(
    *,
    cluster: str,
    user: str,
    queue: str,
    files: Mapping[str, File],
    scheduler: Process,
    worker: Process,
    environment: Environment | None = None,
) -> ApplicationSpec:
    """The application of one cluster, which begins with its scheduler.

    Args:
        cluster: The cluster's name.
        user: Whom it belongs to, and runs as.
        queue: The YARN queue.
        files: The files of all containers, by their names there.
        scheduler: Its end is the application's.
        worker: Instances are added, one for each worker.
        environment: Is active before the setup of both.

    Raises:
        SpecError: A property is not valid.
    """
    tags: Sequence[str] = ()
    if environment is not None:
        if taken := sorted(environment.files.keys() & files.keys()):
            raise SpecError(
                f"localize_files.{taken[0]}", "is the environment (cluster_environment)"
            )
        files, tags = {**files, **environment.files}, environment.tags
        scheduler, worker = (
            replace(each, setup=environment.prologue + each.setup) for each in (scheduler, worker)
        )
    return ApplicationSpec(
        name="dask-gateway",
        queue=queue,
        user=user,
        tags={"dask-gateway", tag_of(cluster), *words_for(user, ""), *tags},
        services={
            SCHEDULER: _service(scheduler, files, instances=1),
            WORKER: _service(worker, files, instances=0),
        },
    )


def tag_of(cluster: str) -> str:
    """The tag by which a cluster's application is recognized.

    YARN shows tags to everybody, and who knows the name of a cluster can open its dashboard at
    dask-gateway's proxy: the tag is a digest of it.

    Args:
        cluster: The cluster's name.
    """
    return f"{_CLUSTER}{hashlib.sha256(cluster.encode()).hexdigest()[:32]}"


def found_tag(tags: Iterable[str]) -> str:
    """The one among an application's tags that `tag_of` made; empty if there is none."""
    return next((tag for tag in tags if tag.startswith(_CLUSTER)), "")


def secrets(certificate: bytes, key: bytes, token: str) -> dict[str, bytes]:
    """The secrets of a cluster's application.

    Args:
        certificate: The cluster's own, for all its connections; PEM.
        key: Its key; PEM.
        token: With which the scheduler talks to dask-gateway's server.
    """
    files = {CERTIFICATE: certificate.decode(), KEY: key.decode(), TOKEN: token}
    return {_SECRET: _MARK + json.dumps(files).encode()}


def _service(process: Process, files: Mapping[str, File], *, instances: int) -> Service:
    return Service(
        resources=Resources(memory=MiB(-(-process.memory // 2**20)), vcores=VCores(process.cores)),
        instances=instances,
        allow_failures=not instances,
        script=_script(process),
        files=files,
        env=process.environment,
    )


def _script(process: Process) -> str:
    """The script of a container: unpacks its secrets with a Python that its environment has."""
    beside = f'"$(dirname "$(command -v {process.command[0]})")/python"'
    return f"""\
{process.setup}
for python in python3 python {beside}; do
    "$python" -IS -c {shlex.quote(_UNPACK)} 2> /dev/null && break
done
if [ ! -s {TOKEN} ]; then
    echo 'No Python on this node or in the environment unpacks what is in the token file.' >&2
    exit 1
fi
# YARN limits and deletes what is in the container's folder: what Dask spills to disk, too.
export DASK_TEMPORARY_DIRECTORY="${{DASK_TEMPORARY_DIRECTORY:-$PWD}}"
exec {" ".join(process.command)}
"""
