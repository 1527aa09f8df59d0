"""`skein kv`: an application's key-value store."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from skein.cli.parsers import add_application, add_command, add_group, add_output
from yarnhub.base.foreign_text import clean_and_cut

if TYPE_CHECKING:
    import argparse

    from skein.cli.parsers import Handler, Subparsers

# The engine is imported by the handlers: it takes longer than `--help` may.


def add_parser(subparsers: Subparsers) -> None:
    """Add `kv` and its commands."""
    commands = add_group(subparsers, "kv", "read and write an application's key-value store")
    get = _add_command(commands, "get", "print the value of a key", _get)
    _add_key(get)
    get.add_argument("--wait", action="store_true", help="wait until the key is set")
    put = _add_command(commands, "put", "set a key", _put)
    _add_key(put)
    put.add_argument("--value", help="the value; default: read from standard input")
    _add_key(_add_command(commands, "del", "delete a key", _delete))
    add_output(_add_command(commands, "ls", "list the keys", _list))


def _add_command(
    commands: Subparsers, name: str, summary: str, handler: Handler
) -> argparse.ArgumentParser:
    parser = add_command(commands, name, summary, handler)
    add_application(parser)
    return parser


def _add_key(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--key", required=True, help="the key")


def _get(arguments: argparse.Namespace) -> None:
    from skein.cli import clients

    async def get() -> None:
        if arguments.wait:
            from skein.cli.key_wait import wait_for_key

            value = await wait_for_key(arguments.id, arguments.key)
        else:
            async with clients.application(arguments.id) as application:
                entry = await application.keys.get(arguments.key)
            if entry is None:
                raise _not_set(arguments.key)
            value = entry.value
        sys.stdout.buffer.write(value + b"\n")

    clients.run(get())


def _put(arguments: argparse.Namespace) -> None:
    from skein.cli import clients

    if arguments.value is None:
        value = sys.stdin.buffer.read()
    else:
        value = arguments.value.encode(errors="surrogateescape")

    async def put() -> None:
        async with clients.application(arguments.id) as application:
            await application.keys.put(arguments.key, value)

    clients.run(put())


def _delete(arguments: argparse.Namespace) -> None:
    from skein.cli import clients

    async def delete() -> None:
        async with clients.application(arguments.id) as application:
            if not await application.keys.delete(arguments.key):
                raise _not_set(arguments.key)

    clients.run(delete())


def _list(arguments: argparse.Namespace) -> None:
    from skein.cli import clients

    async def list_keys() -> None:
        async with clients.application(arguments.id) as application:
            keys = await application.keys.list_keys()
        if arguments.output == "json":
            from skein.cli.json_output import to_json

            print(to_json(list(keys)))
        else:
            for key in keys:
                print(clean_and_cut(key, lines=False))

    clients.run(list_keys())


def _not_set(key: str) -> Exception:
    from skein.exceptions import SkeinError

    return SkeinError(f"Key {key!r} is not set")
