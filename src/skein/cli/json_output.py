"""The output of commands as JSON."""

from __future__ import annotations

import datetime as dt
import enum
import json
from collections.abc import Set as AbstractSet
from dataclasses import fields, is_dataclass

from skein.document import Document
from skein.model import Container


def to_json(value: object) -> str:
    """A report of `skein.model`, a text, or a list of them, as JSON on several lines.

    States are names, sets are sorted lists, and times are ISO 8601 with their time zone.
    """
    return json.dumps(_plain(value), indent=2)


def _plain(value: object) -> object:
    match value:
        case Container():
            return {"id": value.id, **_fields(value)}
        case enum.Enum():
            return value.name
        case Document():
            return value.to_dict()
        case dt.datetime():
            return value.astimezone().isoformat()
        case AbstractSet():
            return sorted(value)
        case list() | tuple():
            return [_plain(item) for item in value]
        case _:
            return _fields(value) if is_dataclass(value) else value


def _fields(value: object) -> dict[str, object]:
    assert is_dataclass(value)
    return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
