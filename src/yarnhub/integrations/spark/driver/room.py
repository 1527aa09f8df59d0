"""How many executors fit into what a user's limits leave; pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import words
from .properties import INSTANCES, ON_DEMAND, mebibytes
from .settings import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

DYNAMIC = "spark.dynamicAllocation.enabled"
_INSTANCES = 2
"""Executors of a session without dynamic allocation, by default.

Source: docs/running-on-yarn.md of Spark, `spark.executor.instances`.
"""
_MEMORY = "spark.executor.memory"
_OVERHEAD = "spark.executor.memoryOverhead"
_LEAST_OVERHEAD = "spark.executor.minMemoryOverhead"
_FACTOR = "spark.executor.memoryOverheadFactor"
_PYTHON = "spark.executor.pyspark.memory"
_OFF_HEAP = "spark.memory.offHeap.enabled"
_OFF_HEAP_SIZE = "spark.memory.offHeap.size"
_CORES = "spark.executor.cores"
_MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Room:
    """How much a user may hold besides what runs now; None is no limit.

    Attributes:
        memory: MiB.
        vcores: Virtual cores.
        step: MiB of which YARN makes the memory of each container a multiple.
        viewer: Who must be able to see what the session's application uses; may be empty.
        error: Why that is not known; empty otherwise.
    """

    memory: int | None = None
    vcores: int | None = None
    step: int = 1
    viewer: str = ""
    error: str = ""

    @classmethod
    def read(cls, answer: object) -> Room:
        """What the service has answered; no limit if it has none."""
        if not isinstance(answer, dict):
            return cls()
        memory, vcores, step = (answer.get(name) for name in ("memory", "vcores", "step"))
        return cls(
            step=max(1, step // _MEBIBYTE) if isinstance(step, int) else 1,
            memory=memory // _MEBIBYTE if isinstance(memory, int) else None,
            vcores=vcores if isinstance(vcores, int) else None,
            viewer=str(answer.get("viewer") or ""),
            error=str(answer.get("error") or "")[:1000],
        )


def fit(properties: dict[str, str], own: Mapping[str, str], room: Room) -> str:
    """Have a session not start more executors than fit; changes the properties.

    Args:
        properties: The session's.
        own: What the user's builder has.
        room: What is left for executors.

    Returns:
        What the user should read, if that is less than the builder asks for; empty otherwise.

    Raises:
        SettingsError: No executor fits, a property is invalid, or the room is not known.
    """
    if not properties["spark.master"].startswith("yarn"):
        return ""
    if room.error:
        raise SettingsError(words.unknown_room(room.error))
    if room.memory is None and room.vcores is None:
        return ""
    most = _most(properties, room)
    names: tuple[str, ...]
    if properties.get(DYNAMIC, "false").lower() == "true":
        names, default = ON_DEMAND, most
    else:
        names, default = (INSTANCES,), _INSTANCES
    properties.setdefault(names[-1], str(default))
    told = ""
    for name in names:
        wanted = _number(properties, name, 0)
        if wanted > most:
            properties[name] = str(most)
            if name in own:
                told = words.fewer_executors(name, wanted, most)
    return told


def _most(properties: Mapping[str, str], room: Room) -> int:
    """How many executors fit: one or more."""
    memory, cores = _executor(properties)
    memory = -(-memory // room.step) * room.step
    rooms = []
    if room.memory is not None:
        rooms.append(room.memory // memory)
    if room.vcores is not None:
        rooms.append(room.vcores // cores)
    most = min(rooms)
    if most < 1:
        raise SettingsError(words.no_room(room.memory, room.vcores, memory, cores))
    return most


def _executor(properties: Mapping[str, str]) -> tuple[int, int]:
    """MiB and virtual cores of one executor's container.

    Source: org.apache.spark.deploy.yarn.YarnAllocator and ResourceProfile of Spark 4.3.
    """
    heap = mebibytes(_MEMORY, properties.get(_MEMORY, "1g"))
    factor = properties.get(_FACTOR, "0.1")
    try:
        share = int(heap * float(factor))
    except ValueError:
        raise SettingsError(words.not_number(_FACTOR, factor)) from None
    least = mebibytes(_LEAST_OVERHEAD, properties.get(_LEAST_OVERHEAD, "384m"))
    memory = heap + max(share, least)
    if _OVERHEAD in properties:
        memory = heap + mebibytes(_OVERHEAD, properties[_OVERHEAD])
    if _PYTHON in properties:
        memory += mebibytes(_PYTHON, properties[_PYTHON])
    if properties.get(_OFF_HEAP, "false").lower() == "true" and _OFF_HEAP_SIZE in properties:
        size = properties[_OFF_HEAP_SIZE]  # in bytes, if it has no unit
        memory += mebibytes(_OFF_HEAP_SIZE, f"{int(size) // 1024}k" if size.isdecimal() else size)
    return max(1, memory), max(1, _number(properties, _CORES, 1))


def _number(properties: Mapping[str, str], name: str, default: int) -> int:
    text = properties.get(name, str(default))
    try:
        return int(text)
    except ValueError:
        raise SettingsError(words.not_number(name, text)) from None
