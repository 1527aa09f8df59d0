"""YAML, read within bounds: of depth, and of what its aliases make of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import yaml
from yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    ScalarEvent,
)
from yaml.nodes import MappingNode, ScalarNode, SequenceNode

from yarnhub.base.errors import SpecError
from yarnhub.base.foreign_text import quoted

if TYPE_CHECKING:
    from yaml.events import Event
    from yaml.nodes import Node

    _Loader = yaml.SafeLoader
else:
    # LibYAML's parser is many times as fast; wheels of PyYAML may come without it.
    _Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

MAX_DEPTH = 50
"""Lists and mappings within each other; specifications have 6. LibYAML's own recursion ends the
process where the stack does."""
MAX_VALUES = 200_000
"""Values, with those of aliases counted each time they are named."""

MAX_DIGITS = 4300
"""Figures of a number, as Python itself has it for decimal ones: YAML's of base 60 (`1:59:59`) take
a minute where there are 300 000 of them."""
_NUMBER = re.compile(r"[-+0-9_:.]+")


def parse_yaml(text: str) -> object:
    """The one document that a text holds; None for none.

    Raises:
        SpecError: A key is given twice, or it is too deep or too much; says where.
        yaml.YAMLError: It is no YAML.
        ValueError: A value is none of its type, such as a date that there is not.
    """
    _measure(text)
    loader = _Loader(text)
    try:
        root = loader.get_single_node()
        if root is None:
            return None
        _refuse_repeated_keys(root, set())
        return loader.construct_document(root)
    except (ArithmeticError, AttributeError, LookupError, TypeError) as error:
        # `!!int ""`, `!!bool x`, `!!timestamp x`: PyYAML relies on what it has guessed itself.
        raise SpecError("", "a value does not fit the type that its tag names") from error
    finally:
        loader.dispose()


def _measure(text: str) -> None:
    """Refuse what would end the process, or fill its memory, once objects are made of it."""
    measure = _Measure()
    for event in yaml.parse(text, Loader=_Loader):
        match event:
            case CollectionStartEvent():
                measure.open(event)
            case CollectionEndEvent():
                measure.close()
            case ScalarEvent():
                if len(event.value) > MAX_DIGITS and _may_be_number(event):
                    raise _refused(event, f"a number of more than {MAX_DIGITS} digits")
                measure.add(1, event.anchor)
            case AliasEvent():
                measure.repeat(event)
            case _:  # the document's beginning and end
                pass
        if measure.total > MAX_VALUES:
            raise _refused(event, f"more than {MAX_VALUES} values, including repeated aliases")


def _may_be_number(event: ScalarEvent) -> bool:
    """Whether a scalar is one, or a tag may make it one; what stands in quotes is none."""
    quoted_only = event.implicit[1] and not event.implicit[0]
    return not quoted_only and bool(_NUMBER.fullmatch(event.value))


class _Measure:
    """How much a document holds, as far as it has been read."""

    def __init__(self) -> None:
        self.total = 0
        self._began: list[int] = []
        """The total before each collection that is open."""
        self._names: list[str | None] = []
        """The anchors of those."""
        self._anchors: dict[str, int] = {}
        """What each anchor stands for holds."""

    def open(self, event: CollectionStartEvent) -> None:
        if len(self._began) >= MAX_DEPTH:
            raise _refused(event, f"more than {MAX_DEPTH} levels of lists or mappings")
        self._began.append(self.total)
        self._names.append(event.anchor)
        self.total += 1

    def close(self) -> None:
        size = self.total - self._began.pop()
        if name := self._names.pop():
            self._anchors[name] = size

    def add(self, size: int, anchor: str | None = None) -> None:
        self.total += size
        if anchor:
            self._anchors[anchor] = size

    def repeat(self, event: AliasEvent) -> None:
        name = event.anchor or ""
        if name in self._names:
            raise _refused(event, f"{quoted(name)} contains itself")
        self.add(self._anchors.get(name, 1))


def _refused(event: Event, what: str) -> SpecError:
    mark = event.start_mark
    where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    return SpecError("", f"{where}{what}")


def _refuse_repeated_keys(node: Node, seen: set[int]) -> None:
    """Raise SpecError for a key given twice, which YAML forbids and PyYAML lets pass.

    Not while mappings are constructed: by then merge keys have added to them.
    """
    if id(node) in seen:  # an alias
        return
    seen.add(id(node))
    if isinstance(node, SequenceNode):
        for item in node.value:
            _refuse_repeated_keys(item, seen)
    elif isinstance(node, MappingNode):
        lines: dict[str, int] = {}
        for key, item in node.value:
            if isinstance(key, ScalarNode):
                line = key.start_mark.line + 1
                if key.value in lines:
                    first = lines[key.value]
                    raise SpecError(
                        "",
                        f"line {line}: the key {quoted(key.value)} is given twice, first on line "
                        f"{first}",
                    )
                lines[key.value] = line
            _refuse_repeated_keys(item, seen)
