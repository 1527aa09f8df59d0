"""The sources of a specification's files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from yarnhub.spec.file import File

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


def local_path(file: File, folder: Path) -> Path | None:
    """The path of a file on this machine; None if its source is on another file system.

    The text after `file://` is the path, without %-escapes.
    """
    url = re.fullmatch(r"([A-Za-z][A-Za-z0-9+.-]*):(?://[^/]*)?(/.*)", file.source, re.DOTALL)
    if url is None:
        return folder / file.source
    return Path(url[2]) if url[1].lower() == "file" else None


def map_files(part: T, change: Callable[[str, File], File], key: str = "") -> T:
    """Replace every file in a specification or a part of one.

    Args:
        part: The specification, or its part at `key`.
        change: Returns the new file for the key path and the old one.
        key: The key path of `part`.
    """

    def inside(name: str, item: object) -> object:
        return map_files(item, change, f"{key}.{name}" if key else name)

    changed: object = part
    if isinstance(part, File):
        changed = change(key, part)
    elif isinstance(part, Mapping):
        changed = {name: inside(name, item) for name, item in part.items()}
    elif is_dataclass(part) and not isinstance(part, type):
        names = [field.name for field in fields(part)]
        changed = replace(part, **{name: inside(name, getattr(part, name)) for name in names})
    return changed  # type: ignore[return-value]  # each branch keeps the type
