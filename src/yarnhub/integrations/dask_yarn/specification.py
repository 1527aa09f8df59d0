"""The YARN application of a Dask cluster: its services, and what their containers run; no I/O."""

from __future__ import annotations

import base64
import inspect
import json
import pkgutil
import shlex
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from yarnhub.base.units import Seconds
from yarnhub.base.worker_memory import memory_limit
from yarnhub.integrations.dask_yarn.configuration import mebibytes
from yarnhub.integrations.dask_yarn.container import MEMORY_LIMIT
from yarnhub.integrations.dask_yarn.environment import PYTHON, Environment
from yarnhub.spec import ApplicationSpec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yarnhub.spec import Service

# Any, in this module: options come from Dask's configuration, which has no types

SCHEDULER, WORKER = "dask.scheduler", "dask.worker"
"""The services, as in dask-yarn."""
_PROGRAM = ".dask-yarn.py"
_END = "END_OF_DASK_YARN"
_RESTART_DELAY = Seconds(1)
"""Before a failed worker is replaced; doubled each time, so that a wrong option is no load."""
_NANNIES = frozenset({"distributed.Nanny", "dask.distributed.Nanny", "distributed.nanny.Nanny"})
_WORKERS = frozenset({"distributed.Worker", "dask.distributed.Worker", "distributed.worker.Worker"})
_UNTIL_SHUTDOWN = "exec sleep infinity"
"""Keeps an application without a scheduler running when it has no workers."""


def specification(options: Mapping[str, Any]) -> ApplicationSpec:
    """The application of a cluster with these options.

    Args:
        options: See `configuration.configured`.

    Raises:
        ValueError: An option has an invalid value; also `SpecError`.
        TypeError: An option is of the wrong type, or not known to Dask's workers.
    """
    mode = options["deploy_mode"]
    if mode not in ("remote", "local"):
        raise ValueError(f"deploy_mode must be 'remote' or 'local', not {mode!r}")
    environment = Environment.parse(options["environment"])
    files = {name: file.to_dict() for name, file in environment.files.items()}
    worker = {
        **_service(environment.setup, _worker_command(options), files),
        "resources": _resources(options, "worker"),
        "instances": options["n_workers"],
        "max_restarts": options["worker_restarts"],
        "restart_delay": _RESTART_DELAY,
        "env": options["worker_env"],
    }
    services = {WORKER: worker}
    if mode == "remote":
        services[SCHEDULER] = {
            **_service(environment.setup, "dask-yarn services scheduler", files),
            "resources": _resources(options, "scheduler"),
        }
        worker["depends"] = [SCHEDULER]
    names = ("name", "queue", "tags", "user")
    return ApplicationSpec.from_dict(
        {**{name: options[name] for name in names}, "services": services}
    )


def submittable(spec: ApplicationSpec) -> ApplicationSpec:
    """The same with the command `dask-yarn` in the containers' scripts, which runs Dask.

    Raises:
        ValueError: It has no service `dask.worker`.
    """
    if WORKER not in spec.services:
        raise ValueError(f"the specification has no service {WORKER!r}")
    services = {
        name: _with_program(service) if name in (SCHEDULER, WORKER) else service
        for name, service in spec.services.items()
    }
    master = spec.master
    if SCHEDULER not in services and not master.script:
        master = replace(master, script=_UNTIL_SHUTDOWN)
    return replace(spec, services=services, master=master)


def _with_program(service: Service) -> Service:
    program = (pkgutil.get_data(__package__, "container.py") or b"").decode()
    script = f"""\
DASK_YARN_FOLDER="$PWD"
cat > {_PROGRAM} << '{_END}'
{program}{_END}
dask-yarn() {{ "${{{PYTHON}:-python}}" "$DASK_YARN_FOLDER/{_PROGRAM}" "$@"; }}
{service.script}
"""
    limit = str(memory_limit(service.resources.memory << 20))
    return replace(service, script=script, env={MEMORY_LIMIT: limit, **service.env})


def _service(setup: str, command: str, files: Mapping[str, object]) -> dict[str, Any]:
    return {"script": f"{setup}\n{command}", "files": files}


def _resources(options: Mapping[str, Any], of: str) -> dict[str, Any]:
    return {
        "vcores": options[f"{of}_vcores"],
        "memory": mebibytes(options[f"{of}_memory"], f"{of}_memory"),
        "gpus": options[f"{of}_gpus"],
    }


def _worker_command(options: Mapping[str, Any]) -> str:
    path, given = options["worker_class"], options["worker_options"]
    if isinstance(path, type):
        path = f"{path.__module__}.{path.__qualname__}"
    _check_options(path, given)
    packed = base64.b64encode(json.dumps(given).encode()).decode()
    words = ["dask-yarn", "services", "worker"]
    words += ["--worker_class", str(path), "--worker_options", packed]
    return shlex.join(words)


def _check_options(path: str, given: Mapping[str, Any]) -> None:
    """Refuse options that Dask's own workers do not have; other classes are known to nodes only."""
    from distributed import Nanny, Worker

    classes = {**dict.fromkeys(_NANNIES, (Nanny, Worker)), **dict.fromkeys(_WORKERS, (Worker,))}
    if path not in classes:
        return
    parameters = [inspect.signature(each).parameters.values() for each in classes[path]]
    known = {
        each.name for each in (*parameters[0], *parameters[-1]) if each.kind is not each.VAR_KEYWORD
    }
    if unknown := sorted(given.keys() - known):
        raise TypeError(f"worker_options: {path} has no option {', '.join(map(repr, unknown))}")
