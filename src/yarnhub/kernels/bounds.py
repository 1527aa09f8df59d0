"""The limits of one kernelspec: what `KERNEL_*` variables may change, and up to which bound."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from yarnhub.base.errors import SpecError
from yarnhub.base.foreign_text import quoted
from yarnhub.base.units import MAX_MEMORY, MiB, format_memory, parse_memory
from yarnhub.spec import _reading as reading

if TYPE_CHECKING:
    from collections.abc import Mapping

T = TypeVar("T")

Bound = int | tuple[str, ...]
"""The highest amount, or the names to choose from."""

MEBIBYTE = 1024 * 1024
_DIGITS = 18
"""Of a number in a request; int64 has room for more."""
_UNIT = "write a number with a unit, such as '2 GiB'"

queue = reading.matching(
    r"\w[\w.@-]*", "the name of a queue: letters, digits, '.', '_', '@' and '-'"
)
# CommonNodeLabelsManager.java: LABEL_OR_VALUE_PATTERN, MAX_LABEL_LENGTH
node_label = reading.matching(
    r"[0-9A-Za-z][0-9A-Za-z_-]{0,254}",
    "a node label: at most 255 letters, digits, '_' and '-', which begin with a letter or digit",
)
priority = reading.integer(0)
vcores = reading.integer(1)
gpus = reading.integer(0, reading.INT64)


def memory(value: object) -> int:
    """The check of a quantity of memory: bytes as a whole number, or text with a unit.

    Returns bytes; text is rounded up to whole MiB, as YARN counts memory.
    """
    if isinstance(value, str):
        if re.fullmatch(r"[\d.\s]+", value):
            raise SpecError("", f"{quoted(value.strip())} has no unit: {_UNIT}")
        try:
            size = parse_memory(reading.text(value)) * MEBIBYTE
        except ValueError as error:
            raise SpecError("", f"is not a quantity of memory: {_UNIT}") from error
    elif isinstance(value, int) and not isinstance(value, bool):
        size = value
    else:
        raise reading.wrong_type(f"a whole number of bytes; or {_UNIT}", value)
    if size < MEBIBYTE:
        raise SpecError("", f"must be at least 1 MiB, not {_bytes(size)}: {_UNIT}")
    if size > MAX_MEMORY * MEBIBYTE:
        raise SpecError("", f"is more memory than YARN can count: {_UNIT}")
    return size


def _bytes(size: int) -> str:
    if size < 0:
        return "a negative number"
    return "1 byte" if size == 1 else f"{size} bytes"


def _names(check: reading.Check[str]) -> reading.Check[Bound]:
    names = reading.sequence(check)

    def check_all(value: object) -> Bound:
        if isinstance(value, str):
            raise reading.wrong_type("a list of names", value)
        found = tuple(dict.fromkeys(names(value)))
        if not found:
            raise SpecError("", "names nothing to choose from: add a name, or remove it")
        return found

    return check_all


@dataclass(frozen=True, slots=True)
class _Variable:
    """A variable that changes something.

    Attributes:
        changes: The key of the kernelspec.
        bound: The check of the author's bound.
        value: The check of a request's value, which is text for names and memory.
    """

    changes: str
    bound: reading.Check[Bound]
    value: reading.Check[int] | reading.Check[str]


VARIABLES: Mapping[str, _Variable] = {
    "KERNEL_MEMORY": _Variable("memory", memory, memory),
    "KERNEL_VCORES": _Variable("vcores", vcores, vcores),
    "KERNEL_GPUS": _Variable("gpus", gpus, gpus),
    "KERNEL_PRIORITY": _Variable("priority", priority, priority),
    "KERNEL_QUEUE": _Variable("queue", _names(queue), queue),
    "KERNEL_NODE_LABEL": _Variable(
        "node_label", _names(reading.optional(node_label)), reading.optional(node_label)
    ),
}
"""The variables that can be in `limits`."""


def read_limits(value: object) -> Mapping[str, Bound]:
    """The check of `limits`: from variables to bounds.

    Raises:
        SpecError: A variable is unknown, or its bound is invalid.
    """
    found: dict[str, Bound] = {}
    for name, bound in reading.as_mapping(value).items():
        if name not in VARIABLES:
            raise reading.unknown("variable", name, VARIABLES)
        if bound is not None:
            with reading.at(name):
                found[name] = VARIABLES[name].bound(bound)
    return found


def check_own(limits: Mapping[str, Bound], own: Mapping[str, object]) -> None:
    """Refuse a bound below the amount that the kernel has without a request.

    Args:
        limits: The bounds.
        own: The kernelspec's values, by key.

    Raises:
        SpecError: Names the variable.
    """
    for name, bound in limits.items():
        key = VARIABLES[name].changes
        value = own[key]
        if isinstance(bound, int) and isinstance(value, int) and value > bound:
            raise SpecError(
                name,
                f"must be at least the kernel's own {key}, {shown(key, value)}, "
                f"not {shown(key, bound)}",
            )


def changes(
    limits: Mapping[str, Bound], own: Mapping[str, object], asked: Mapping[str, str]
) -> dict[str, int | str]:
    """What a request changes, by the kernelspec's keys.

    Args:
        limits: The bounds.
        own: The kernelspec's values, by key. A request for the same value is always allowed.
        asked: The variables of the request.

    Raises:
        SpecError: A value is invalid, above its bound, or must not be changed; names the variable.
    """
    changed: dict[str, int | str] = {}
    for name, variable in VARIABLES.items():
        if name not in asked:
            continue
        with reading.at(name):
            value = _value(variable, asked[name])
            if value != own[variable.changes]:
                _check_bound(variable.changes, limits.get(name), value)
                changed[variable.changes] = value
    return changed


def _value(variable: _Variable, text: str) -> int | str:
    if variable.changes in ("memory", "queue", "node_label"):
        return variable.value(text)
    if not re.fullmatch(rf"[0-9]{{1,{_DIGITS}}}", text):
        raise reading.wrong("a whole number", text)
    return variable.value(int(text))


def _check_bound(key: str, bound: Bound | None, value: int | str) -> None:
    if bound is None:
        raise SpecError("", f"this kernel does not allow a request to change its {key}")
    if isinstance(bound, int):
        if isinstance(value, int) and value > bound:
            raise SpecError("", f"must be at most {shown(key, bound)}, not {shown(key, value)}")
    elif value not in bound:
        known = ", ".join(map(repr, bound))
        raise SpecError("", f"must be one of {known}, not {quoted(value)}")


def shown(key: str, value: object) -> str:
    """A value of a kernelspec as an author writes it."""
    if key == "memory" and isinstance(value, int):
        whole, rest = divmod(value, MEBIBYTE)
        return f"{value} bytes" if rest else format_memory(MiB(whole))
    return str(value)
