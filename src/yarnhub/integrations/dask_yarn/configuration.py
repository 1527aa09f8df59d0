"""The options of a cluster: the constructor's, or Dask's configuration, by dask-yarn's names."""

from __future__ import annotations

from typing import Any

import dask.config
from dask.utils import parse_bytes, parse_timedelta

# Any, in this module: Dask's configuration has no types

DEFAULTS: dict[str, Any] = {
    "specification": None,
    "name": "dask",
    "queue": "default",
    "tags": [],
    "user": "",
    "environment": None,
    "deploy-mode": "remote",
    "host": "0.0.0.0",  # noqa: S104  # dask-yarn's default; peers need the application's key
    "port": 0,
    "dashboard-address": ":0",
    "lease": "15 minutes",
    "scheduler": {"vcores": 1, "memory": "2 GiB", "gpus": 0},
    "worker": {
        "vcores": 1,
        "memory": "2 GiB",
        "gpus": 0,
        "count": 0,
        "restarts": -1,
        "env": {},
        "worker_class": "dask.distributed.Nanny",
        "worker_options": {},
    },
}
"""dask-yarn's own, except for `lease`."""
NAMES = {
    "environment": "environment",
    "n_workers": "worker.count",
    "worker_vcores": "worker.vcores",
    "worker_memory": "worker.memory",
    "worker_restarts": "worker.restarts",
    "worker_env": "worker.env",
    "worker_class": "worker.worker_class",
    "worker_options": "worker.worker_options",
    "worker_gpus": "worker.gpus",
    "scheduler_vcores": "scheduler.vcores",
    "scheduler_memory": "scheduler.memory",
    "scheduler_gpus": "scheduler.gpus",
    "deploy_mode": "deploy-mode",
    "name": "name",
    "queue": "queue",
    "tags": "tags",
    "user": "user",
    "host": "host",
    "port": "port",
    "dashboard_address": "dashboard-address",
}
"""The constructor's names, and those of the configuration below `yarn`."""
_MIB = 1 << 20

dask.config.update_defaults({"yarn": DEFAULTS})


def configured(**options: object) -> dict[str, Any]:
    """All options by the constructor's names: None is replaced by what is configured."""
    return {
        name: options[name] if options.get(name) is not None else dask.config.get(f"yarn.{key}")
        for name, key in NAMES.items()
    }


def configured_specification() -> Any:
    """`yarn.specification`: the path or the document of a specification; None if not set."""
    return dask.config.get("yarn.specification")


def lease() -> float | None:
    """`yarn.lease` in seconds; None for none.

    Raises:
        ValueError: It is not a duration of at least a second.
    """
    text = dask.config.get("yarn.lease")
    if text is None:
        return None
    seconds = float(parse_timedelta(text, default="s"))
    if seconds < 1:
        raise ValueError(f"yarn.lease must be at least a second, not {text!r}")
    return seconds


def mebibytes(memory: str | float, name: str) -> int:
    """Read a quantity of memory, as dask-yarn does: a text with a unit, or bytes; in MiB.

    Raises:
        ValueError: It is neither, or so little that a unit was forgotten.
    """
    try:
        size = parse_bytes(memory) if isinstance(memory, str) else memory
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error
    if size < _MIB:
        meant = "" if isinstance(memory, str) else f". Perhaps you meant '{memory} MiB'"
        raise ValueError(
            f"{name}: {memory} is less than 1 MiB; memory is a text with a unit, such as '4 GiB', "
            f"or a number of bytes{meant}"
        )
    return int(-(-size // _MIB))
