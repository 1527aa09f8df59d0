"""YAML, read with limits on its depth and on the expansion of aliases."""

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
"""Nested lists and mappings; specifications have 6. LibYAML's own recursion crashes the process
when the stack is full."""
MAX_VALUES = 200_000
"""Values, including those of aliases each time they are used."""

MAX_DIGITS = 4300
"""Digits of a number, Python's own limit for decimal ones: a YAML number of base 60 (`1:59:59`)
with 300 000 digits takes a minute."""
_NUMBER = re.compile(r"[-+0-9_:.]+")


def parse_yaml(text: str) -> object:
    """The document in a text; None if it is empty.

    Raises:
        SpecError: A key is given twice, or the document is too deep or too large.
        yaml.YAMLError: It is not YAML.
        ValueError: A value does not fit its type, such as a date that does not exist.
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
    """Refuse a document whose construction would crash the process, or fill its memory."""
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
    """Whether a scalar is a number, or may become one by its tag; quoted text is not."""
    quoted_only = event.implicit[1] and not event.implicit[0]
    return not quoted_only and bool(_NUMBER.fullmatch(event.value))


class _Measure:
    """The number of values in a document, as far as it has been read."""

    def __init__(self) -> None:
        self.total = 0
        self._began: list[int] = []
        """The total before each collection that is open."""
        self._names: list[str | None] = []
        """The anchors of these."""
        self._anchors: dict[str, int] = {}
        """The number of values for each anchor."""

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
    """Raise SpecError for a key given twice, which YAML forbids but PyYAML accepts.

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
