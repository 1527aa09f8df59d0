"""`skein application logs`: the output of an application's containers."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

from skein.cli.error_text import error_text
from skein.cli.parsers import add_application, add_command, add_output
from yarnhub.base.foreign_text import clean_and_cut

if TYPE_CHECKING:
    import argparse
    from collections.abc import AsyncIterable, Sequence
    from typing import BinaryIO

    from skein.cli.parsers import Subparsers
    from yarnhub.client.logs.aggregated import LogChunk, LogFile

# The engine is imported by the handlers: it takes longer than `--help` may.

_MAX_LINE = 1 << 16
"""Bytes of the longest line that is printed in one piece."""


def add_parser(commands: Subparsers) -> None:
    """Add `logs` to the commands of `application`."""
    logs = add_command(commands, "logs", "print the output of an application's containers", _logs)
    add_application(logs, current=False)
    logs.add_argument(
        "-f",
        "--follow",
        action="store_true",
        help="continue until the application has ended; each line starts with its container's name",
    )
    logs.add_argument(
        "--container",
        action="append",
        default=[],
        metavar="NAME",
        help="only this container: worker_3, master, or YARN's container id; can be repeated",
    )
    logs.add_argument(
        "--file",
        action="append",
        default=[],
        metavar="NAME",
        help="only files with this name; can be repeated",
    )
    logs.add_argument(
        "--tail", type=_lines, metavar="N", help="only the last N lines of each file; default: all"
    )
    logs.add_argument("--list", action="store_true", help="list the files and their sizes instead")
    logs.add_argument("--user", default="", help="the application's owner; default: you")
    add_output(logs)


def _lines(text: str) -> int:
    number = int(text)
    if number < 0:
        raise ValueError
    return number


def _logs(arguments: argparse.Namespace) -> None:
    from skein.cli import clients
    from yarnhub.client.applications import log_reader
    from yarnhub.client.logs.selection import LogSelection

    if arguments.output == "json" and not arguments.list:
        from skein.exceptions import SkeinError

        raise SkeinError("--output json requires --list: logs are not available as JSON")
    app_id = clients.application_id(arguments.id)
    selection = LogSelection(
        containers=frozenset(arguments.container),
        files=frozenset(arguments.file),
        tail=arguments.tail,
    )
    out = sys.stdout.buffer

    async def logs() -> None:
        async with (
            clients.cluster(arguments.user) as caller,
            log_reader(caller, app_id) as client,
        ):
            if arguments.list:
                _show(await client.log_files(app_id, selection, notice=_say), arguments.output)
                return
            chunks = client.logs(app_id, selection, follow=arguments.follow, notice=_say)
            async with contextlib.aclosing(chunks):
                if selection.single:
                    await print_raw(chunks, out)
                elif arguments.follow:
                    await print_lines(chunks, out)
                else:
                    await print_files(chunks, out, f"** Logs for {app_id} **")

    clients.run(logs())


def _say(notice: str) -> None:
    from yarnhub.client.logs.application import NothingYet

    text = error_text(notice.error) if isinstance(notice, NothingYet) else notice
    print(clean_and_cut(text), file=sys.stderr, flush=True)


def _show(files: Sequence[LogFile], output: str) -> None:
    if output == "json":
        from skein.cli.json_output import to_json

        print(
            to_json(
                [
                    {
                        "container": file.instance,
                        "yarn_container_id": str(file.container_id),
                        "node": file.node,
                        "file": file.name,
                        "size": file.length,
                    }
                    for file in files
                ]
            )
        )
    else:
        from skein.utils import format_table

        columns = ("container", "yarn_container_id", "file", "size")
        rows = ((_name(each), each.container_id, each.name, each.length) for each in files)
        print(format_table(columns, rows))


def _name(file: LogFile) -> str:
    return clean_and_cut(file.instance, lines=False) or str(file.container_id).rpartition("_")[2]


async def print_raw(chunks: AsyncIterable[LogChunk], out: BinaryIO) -> None:
    """Write the bytes unchanged."""
    async for chunk in chunks:
        out.write(chunk.data)
        out.flush()


async def print_files(chunks: AsyncIterable[LogChunk], out: BinaryIO, title: str) -> None:
    """Write each file after a heading."""
    before: LogFile | None = None
    ended = True
    async for chunk in chunks:
        file = chunk.file
        if before is None or (before.container_id, before.name) != (file.container_id, file.name):
            out.write(b"" if ended else b"\n")
            if before is None:
                out.write(f"{title}\n".encode())
            if before is None or before.container_id != file.container_id:
                named = f"{file.instance}, " if file.instance else ""
                out.write(_heading(f"{named}{file.container_id} on {file.node}", "="))
            out.write(_heading(f"{file.name}, {file.length} bytes", "-"))
            before = file
        out.write(chunk.data)
        ended = chunk.data.endswith(b"\n") or (ended and not chunk.data)
    out.write(b"" if ended else b"\n")
    out.flush()


def _heading(text: str, line: str) -> bytes:
    text = clean_and_cut(text, lines=False)
    return f"\n{text}\n{line * len(text)}\n".encode()


async def print_lines(chunks: AsyncIterable[LogChunk], out: BinaryIO) -> None:
    """Write complete lines as they arrive, each after its container's name."""
    begun: dict[tuple[object, str], tuple[bytes, bytes]] = {}
    async for chunk in chunks:
        key = (chunk.file.container_id, chunk.file.name)
        prefix = f"{_name(chunk.file)} | ".encode()
        lines, rest = whole_lines(begun.pop(key, (b"", b""))[1] + chunk.data)
        out.writelines(prefix + line for line in lines)
        if rest:
            begun[key] = prefix, rest
        out.flush()
    out.writelines(prefix + rest + b"\n" for prefix, rest in begun.values())
    out.flush()


def whole_lines(data: bytes) -> tuple[list[bytes], bytes]:
    """The complete lines, and the rest; very long lines are split."""
    *lines, rest = data.split(b"\n")
    while len(rest) > _MAX_LINE:
        lines.append(rest[:_MAX_LINE])
        rest = rest[_MAX_LINE:]
    return [line + b"\n" for line in lines], rest
