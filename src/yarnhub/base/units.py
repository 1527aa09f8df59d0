"""Units of the quantities that users request, and how they are written."""

from __future__ import annotations

import math
import re
from typing import NewType

from yarnhub.base.foreign_text import quoted

MiB = NewType("MiB", int)
"""Memory as YARN counts it, in units of 2**20 bytes."""
VCores = NewType("VCores", int)
"""Virtual cores of a container."""
Seconds = NewType("Seconds", float)
"""A duration."""

MAX_MEMORY = MiB(2**63 - 1)
"""The most that fits the int64 `memory` of ResourceProto (yarn_protos.proto)."""

MAX_DURATION = Seconds(2**31 - 1)
"""68 years: YARN counts limits in ms as int64, and dates from now on."""

_UNITS = {"ms": 0.001, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|min|m|h|d)\s*")

_PREFIXES = "kmgtp"
_BYTES = {"": 2**20, "b": 1} | {
    prefix + suffix: base**power
    for power, prefix in enumerate(_PREFIXES, start=1)
    for suffix, base in (("", 1000), ("b", 1000), ("i", 1024), ("ib", 1024))
}


def parse_memory(value: str | float) -> MiB:
    """Read a quantity of memory, rounded up to whole MiB.

    Args:
        value: A number of MiB, or text: a number and a unit in any case. `b` is bytes; `k`, `kb`
            to `p`, `pb` are powers of 1000 bytes, `ki`, `kib` to `pi`, `pib` powers of 1024: so
            `"1 G"` is 10**9 bytes, that is 954 MiB. Text without a unit counts MiB too.

    Raises:
        ValueError: It is negative, more than YARN can count, or not a quantity of memory.
    """
    # Not float: it makes 1.0000000000000002 MiB, hence 2, of quantities that are 1 MiB exactly.
    # Not Fraction: it would expand the exponent of "1e999999999".
    from decimal import ROUND_CEILING, Context, Decimal, DecimalException

    text = str(value).strip().lower()
    number = text.rstrip("bikmgtp")
    exact = Context(prec=60)
    try:
        size = exact.multiply(Decimal(number.strip()), _BYTES[text[len(number) :]])
        if size < 0:
            raise ValueError(f"memory cannot be negative, not {quoted(value)}")
        if size > MAX_MEMORY * 2**20:
            raise ValueError(f"{quoted(value)} is more memory than YARN can count")
    except (DecimalException, KeyError) as error:
        raise ValueError(
            f"{quoted(value)} is not a quantity of memory: write a number of MiB, such as 1024,"
            " or a number with a unit (b, kb, mb, gb, tb, pb, kib, mib, gib, tib, pib), such as"
            " '2 GiB'"
        ) from error
    return MiB(int(exact.divide(size, Decimal(2**20)).to_integral_value(ROUND_CEILING)))


def format_memory(memory: MiB) -> str:
    """Write a quantity of memory in the largest unit that keeps it whole, e.g. `"2 GiB"`."""
    value, unit = int(memory), 1
    while value and value % 1024 == 0 and unit < len(_PREFIXES) - 1:
        value, unit = value // 1024, unit + 1
    return f"{value} {_PREFIXES[unit].upper()}iB"


def parse_duration(value: str | float) -> Seconds:
    """Read a duration.

    Args:
        value: A number of seconds; or text of one or more numbers with units, `ms`, `s`, `m` or
            `min`, `h` and `d`, such as `"90 s"`, `"1.5h"` or `"1h 30m"`. Text without a unit
            counts seconds too.

    Raises:
        ValueError: It is negative, more than `MAX_DURATION`, or not a duration.
    """
    text = str(value).strip().lower()
    try:
        seconds = float(text)
    except ValueError:
        parts = _DURATION.findall(text)
        if not parts or _DURATION.sub("", text):
            raise ValueError(
                f"{quoted(value)} is not a duration: write a number of seconds, such as 90, or"
                " numbers with units (ms, s, m or min, h, d), such as '90 s' or '1h 30m'"
            ) from None
        seconds = math.fsum(float(number) * _UNITS[unit] for number, unit in parts)
    if not 0 <= seconds <= MAX_DURATION:
        raise ValueError(f"a duration is from 0 to {MAX_DURATION} seconds, not {quoted(value)}")
    return Seconds(seconds)
