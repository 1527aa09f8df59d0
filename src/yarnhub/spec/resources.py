"""The resources of a container."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar

from yarnhub.base.errors import SpecError
from yarnhub.base.units import MiB, VCores, parse_memory
from yarnhub.spec import _reading as read

if TYPE_CHECKING:
    from collections.abc import Mapping

# ResourceUtils.java checks a name against namespace/name, where the namespace may be missing.
_TYPE_NAME = r"([A-Za-z0-9.-]+/)?[A-Za-z0-9_][A-Za-z0-9_.-]*"
_SHORT_NAMES_KEY = "resource_types"
"""The key for names without a '/' or '.', which would otherwise look like misspelled keys."""
_NAMES_WITH_OWN_KEY = frozenset({"memory", "memory-mb", "vcores"})
"""YARN's names of resources that have their own keys here."""
_amount = read.integer(0, read.INT64)


def _memory(value: object) -> MiB:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise read.wrong_type("a quantity of memory", value)
    try:
        memory = parse_memory(value)
    except ValueError as error:
        raise SpecError("", str(error)) from error
    if memory < 1:
        raise SpecError("", "must be at least 1 MiB")
    return memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources(read.Element):
    """The resources of a container.

    Attributes:
        memory: MiB; written as a number, or as a quantity that `parse_memory` reads.
        vcores: Virtual cores.
        gpus: How many `yarn.io/gpu`.
        fpgas: How many `yarn.io/fpga`.
        custom: Amounts of other resource types of the cluster. In a document these are further
            keys, recognized by the `/` or `.` in their names; others are in the mapping
            `resource_types`.
    """

    memory: MiB
    vcores: VCores
    gpus: int = 0
    fpgas: int = 0
    custom: Mapping[str, int] = field(default_factory=dict)

    checks: ClassVar[read.Checks] = {
        "memory": _memory,
        "vcores": read.integer(1),
        "gpus": _amount,
        "fpgas": _amount,
        "custom": read.mapping(read.matching(_TYPE_NAME, "the name of a resource type"), _amount),
    }

    def _check(self) -> None:
        for name in _NAMES_WITH_OWN_KEY & set(self.custom):
            raise SpecError(f"custom.{name}", "has a key of its own: write memory or vcores")
        for key, name, amount in self._named():
            if amount and self.custom.get(name, amount) != amount:
                raise SpecError(key, f"contradicts {name!r}: {amount} is not {self.custom[name]}")

    @property
    def resource_types(self) -> Mapping[str, int]:
        """The amounts of resource types other than memory and vcores, without zeros.

        A cluster refuses an unknown type even if its amount is zero.
        """
        amounts = {**self.custom, **{name: amount for _, name, amount in self._named() if amount}}
        return MappingProxyType({name: amount for name, amount in amounts.items() if amount})

    def _named(self) -> tuple[tuple[str, str, int], ...]:
        return ("gpus", "yarn.io/gpu", self.gpus), ("fpgas", "yarn.io/fpga", self.fpgas)

    @classmethod
    def _expand(cls, data: object) -> object:
        document = dict(read.as_mapping(data))
        if "custom" in document:
            raise read.unknown(
                "key", "custom", ("memory", "vcores", "gpus", "fpgas", _SHORT_NAMES_KEY)
            )
        custom = {key: document.pop(key) for key in [*document] if _is_qualified(key)}
        for key, amount in custom.items():
            with read.at(key):
                _amount(amount)
        with read.at(_SHORT_NAMES_KEY):
            plain = read.as_mapping(document.pop(_SHORT_NAMES_KEY, {}))
            for key, amount in plain.items():
                with read.at(key):
                    if key in custom:
                        raise SpecError("", "is given twice")
                    _amount(amount)
        return {**document, "custom": {**custom, **plain}}

    def _document(self, *, secrets: bool, nulls: bool) -> dict[str, object]:
        document = read.Element._document(self, secrets=secrets, nulls=nulls)  # noqa: SLF001  # ours
        del document["custom"]
        qualified = {name: amount for name, amount in self.custom.items() if _is_qualified(name)}
        plain = {name: amount for name, amount in self.custom.items() if not _is_qualified(name)}
        return {**document, **qualified, **({_SHORT_NAMES_KEY: plain} if plain else {})}


def _is_qualified(name: str) -> bool:
    """Whether a key looks like a resource type."""
    return "/" in name or "." in name
