"""Amounts of resources in words, and words of YARN's as amounts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from yarnhub.yarn.records.resources import MEMORY, VCORES

if TYPE_CHECKING:
    from collections.abc import Mapping


def amounts_in(diagnostics: str, what: str) -> dict[str, int]:
    """An amount that YARN's diagnostics name, such as `<memory:512, vCores:1>`."""
    found = re.search(rf"{re.escape(what)} = <memory:(\d+), vCores:(\d+)", diagnostics)
    return {MEMORY: int(found[1]), VCORES: int(found[2])} if found else {}


def in_words(amounts: Mapping[str, int]) -> str:
    """Amounts in words, such as `512 MiB and 1 vcore`."""
    parts = []
    for name, amount in amounts.items():
        if name == MEMORY:
            parts.append(f"{amount} MiB")
        elif name == VCORES:
            parts.append(counted(amount, "vcore"))
        elif amount:
            parts.append(f"{amount} {name}")
    *most, last = parts or ["an unknown amount"]
    return f"{', '.join(most)} and {last}" if most else last


def counted(number: int, thing: str) -> str:
    """Such as `1 container` or `2 containers`."""
    return f"{number} {thing}{'' if number == 1 else 's'}"
