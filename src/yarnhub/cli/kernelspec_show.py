"""What `yarnhub kernelspec ls` and `show` print."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from yarnhub.base.foreign_text import clean_and_cut
from yarnhub.kernels.bounds import VARIABLES, shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from yarnhub.cli.kernelspec_folders import InstalledKernelspec
    from yarnhub.kernels.kernelspec_file import KernelspecFile
    from yarnhub.kernels.request import KernelRequest

_REMOTE = re.compile(r"(?!file:)[A-Za-z][A-Za-z0-9+.-]*:", re.IGNORECASE)


def as_row(found: InstalledKernelspec) -> dict[str, object]:
    """A kernelspec in a list; with a `problem` if it is invalid."""
    from yarnhub.base.errors import ConfigurationError

    row: dict[str, object] = {
        "name": found.name,
        "display_name": str(found.document.get("display_name", found.name)),
        "folder": str(found.folder),
        "problem": "",
    }
    try:
        config = found.parse().config
    except ConfigurationError as error:
        return row | {"problem": str(error)}
    return row | {
        "queue": config.queue,
        "memory": config.memory,
        "vcores": config.vcores,
        "resource_types": dict(config.all_resource_types),
        "node_label": config.node_label,
    }


def as_table(rows: Sequence[Mapping[str, object]]) -> Iterator[str]:
    """The lines of a list."""
    table = [("NAME", "DISPLAY NAME", "RESOURCES", "QUEUE")]
    for row in rows:
        name, title = str(row["name"]), clean_and_cut(str(row["display_name"]), lines=False)
        if row["problem"]:
            table.append((name, title, "invalid: see `yarnhub kernelspec show`", "-"))
        else:
            table.append((name, title, _resources(row), str(row["queue"])))
    widths = [max(len(row[column]) for row in table) for column in range(3)]
    for cells in table:
        padded = [cell.ljust(width) for cell, width in zip(cells, widths, strict=False)]
        yield "  ".join([*padded, cells[3]])


def _resources(row: Mapping[str, object]) -> str:
    types = row["resource_types"]
    assert isinstance(types, dict)
    more = [f"{amount} {name}" for name, amount in types.items()]
    vcores = "1 vcore" if row["vcores"] == 1 else f"{row['vcores']} vcores"
    return ", ".join([shown("memory", row["memory"]), vcores, *more])


def as_document(
    found: InstalledKernelspec, spec: KernelspecFile, request: KernelRequest
) -> dict[str, object]:
    """All about a kernelspec and the request for a kernel; no values of variables."""
    return {
        "name": request.name,
        "display_name": spec.display_name,
        "language": spec.language,
        "folder": str(found.folder),
        "queue": request.queue,
        "memory": request.memory,
        "vcores": request.vcores,
        "resource_types": dict(request.resource_types),
        "node_label": request.node_label,
        "priority": request.priority,
        "argv": list(request.argv),
        "interrupt_mode": request.interrupt,
        "transport": request.transport,
        "python": request.python,
        "cwd": request.cwd,
        "env": sorted(request.env),
        "files": {name: file.to_dict() for name, file in request.files.items()},
        "prologue": request.prologue,
        "shared_folders": dict(spec.config.shared_folders),
        "limits": dict(spec.config.limits),
        "allowed_env": list(spec.config.allowed_env),
    }


def as_lines(document: Mapping[str, object]) -> Iterator[str]:
    """The lines of such a document."""
    for key, value in document.items():
        text = _text(key, value)
        title = key.replace("_", " ")
        first, *rest = clean_and_cut(text).splitlines() or [""]
        yield f"{title:<16}{first}".rstrip()
        yield from (f"{'':<16}{line}" for line in rest)


_EMPTY = {
    "node_label": "the queue's default",
    "python": "the first one of 3.11 or newer",
    "cwd": "work, an empty folder in the container",
    "limits": "a request can change nothing",
}


def _text(key: str, value: object) -> str:
    if value in ("", [], {}):
        return _EMPTY.get(key, "none")
    match value:
        case dict() if key == "limits":
            return "\n".join(_limit(name, bound) for name, bound in value.items())
        case dict() if key == "files":
            return "\n".join(
                f"{name}: {file['source']} ({file['type']}, {file['visibility']})"
                for name, file in value.items()
            )
        case dict():
            return "\n".join(f"{name}: {each}" for name, each in value.items())
        case list() if key == "argv":
            import shlex

            return shlex.join(value)
        case list():
            return ", ".join(value)
        case _:
            return shown(key, value)


def _limit(name: str, bound: object) -> str:
    if isinstance(bound, int):
        return f"{name}: up to {shown(VARIABLES[name].changes, bound)}"
    assert isinstance(bound, tuple)
    return f"{name}: {', '.join(each or repr('') for each in bound)}"


def notes(found: KernelspecFile) -> list[str]:
    """Notes on a valid kernelspec for its author."""
    notes = []
    if found.config.transport == "tcp":
        notes.append(
            "transport: with tcp, other users of the node can read the kernel's output. "
            "Use ipc if the kernel can bind Unix sockets."
        )
    for name, value in {**found.spec.env, **found.config.env}.items():
        if "$" in value:
            notes.append(
                f"env.{name}: variables of the node are not filled in; set variables that depend "
                "on others in `prologue`."
            )
    for name, file in found.config.all_files.items():
        if not _REMOTE.match(file.source):
            notes.append(
                f"{name}: {file.source} is uploaded from the host that starts the kernel, for "
                "each kernel; an archive in HDFS is not."
            )
    return notes
