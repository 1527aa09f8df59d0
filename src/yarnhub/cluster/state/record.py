"""The record of a cluster, with which other processes find, show and stop it."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yarnhub.base.errors import ConfigurationError
from yarnhub.base.files import write_private
from yarnhub.cluster.options import ClusterOptions, RpcProtection, Scheduler
from yarnhub.cluster.processes.process import Process

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yarnhub.cluster.state.layout import Layout

RECORD_FORMAT = 2
"""Increased when older versions would misread a new record."""


@dataclasses.dataclass(frozen=True, slots=True)
class Record:
    """A cluster at its last start.

    Attributes:
        options: Its options.
        jars: The folder of its jars.
        java_home: The Java it runs on.
        ports: By name, see `yarnhub.cluster.ports`.
        processes: By daemon; a daemon that was killed on purpose stays in it.
    """

    options: ClusterOptions
    jars: Path
    java_home: Path
    ports: Mapping[str, int]
    processes: Mapping[str, Process]


def write_record(layout: Layout, record: Record) -> None:
    """Replace the record atomically."""
    options = dataclasses.asdict(record.options) | {
        "rpc_protection": record.options.rpc_protection.value,
        "scheduler": record.options.scheduler.value,
        "site": {name: dict(values) for name, values in record.options.site.items()},
    }
    document = {
        "format": RECORD_FORMAT,
        "options": options,
        "jars": record.jars,
        "java_home": record.java_home,
        "ports": dict(record.ports),
        "processes": {n: dataclasses.asdict(p) for n, p in record.processes.items()},
    }
    text = json.dumps(document, indent=2, default=str) + "\n"
    write_private(layout.record, text.encode())


def read_record(layout: Layout) -> Record | None:
    """The record; None if no cluster was ever started with this state folder.

    Raises:
        ConfigurationError: It is not a record, or from another version of yarnhub.
    """
    try:
        text = layout.record.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    try:
        # Any: checked by use; each wrong field raises the ConfigurationError below.
        document: dict[str, Any] = json.loads(text)
        if document["format"] != RECORD_FORMAT:
            raise ConfigurationError(
                f"{layout.record} was written by another version of yarnhub: delete {layout.root}"
            )
        options = document["options"]
        return Record(
            options=ClusterOptions(
                **options
                | {
                    "state": _path(options["state"]),
                    "java_home": _path(options["java_home"]),
                    "rpc_protection": RpcProtection(options["rpc_protection"]),
                    "scheduler": Scheduler(options["scheduler"]),
                }
            ),
            jars=Path(document["jars"]),
            java_home=Path(document["java_home"]),
            ports=document["ports"],
            processes={n: Process(**p) for n, p in document["processes"].items()},
        )
    except (ValueError, KeyError, TypeError) as exc:
        raise ConfigurationError(f"{layout.record} cannot be read: {exc!r}") from exc


def _path(text: str | None) -> Path | None:
    return None if text is None else Path(text)
