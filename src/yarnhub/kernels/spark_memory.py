"""What Spark asks YARN for, for a JVM of a given heap; no I/O."""

from __future__ import annotations

import re

from yarnhub.base.errors import SpecError
from yarnhub.base.foreign_text import quoted
from yarnhub.base.units import MiB, parse_memory

LEAST_OVERHEAD = MiB(384)


def with_overhead(
    memory: MiB,
    *,
    overhead: MiB | None = None,
    factor: float = 0.1,
    least: MiB = LEAST_OVERHEAD,
) -> MiB:
    """The memory of a container: a JVM's heap, and what Java and Python need besides.

    The defaults are Spark's. Source: org.apache.spark.internal.config and
    ResourceProfile.calculateOverHeadMemory.

    Args:
        memory: The heap.
        overhead: `memoryOverhead`; None if it is not set.
        factor: `memoryOverheadFactor`.
        least: `minMemoryOverhead`.
    """
    if overhead is None:
        overhead = max(MiB(int(memory * factor)), least)
    return MiB(memory + overhead)


def java_memory(value: str) -> MiB:
    """A quantity as the JVM and Spark write it: k, m, g and t are powers of 1024.

    Raises:
        SpecError: It is none.
    """
    found = re.fullmatch(r"(\d+)\s*([kmgt]?)(?:i?b)?", value.strip().lower())
    if found is None:
        raise SpecError("", f"must be a quantity of memory, not {quoted(value)}")
    number, unit = found.groups()
    return parse_memory(f"{number} {unit or 'm'}ib")


def overhead_factor(text: str) -> float:
    """The value of a `memoryOverheadFactor`.

    Raises:
        SpecError: It is not a number.
    """
    if not re.fullmatch(r"[0-9]{0,5}\.?[0-9]{1,9}", text):
        raise SpecError("", f"must be a number such as 0.1, not {quoted(text)}")
    return float(text)
