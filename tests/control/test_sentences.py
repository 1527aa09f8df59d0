"""Sentences are made for people: no module takes apart what another one says."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from docs.blocks import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCES = PROJECT / "src"
FILES = sorted(SOURCES.rglob("*.py"))
TAKES_APART = {
    *("partition", "rpartition", "split", "startswith", "endswith", "removeprefix"),
    *("removesuffix", "replace", "find", "rfind", "index", "count"),
}
EXPRESSIONS = {"compile", "search", "match", "fullmatch", "sub", "findall", "finditer", "split"}
WORDS = re.compile(r"[A-Za-z]{2,}(?:'s)?[,:;.]? +[A-Za-z]{2,}")
COMMAND = re.compile(r"\bskein (?:application|config|container|driver|kv|node|queue|token) \w+")
FOREIGN = {
    # Of the ResourceManager: SchedulerApplicationAttempt and AMState.
    "waiting for resources to be assigned for AM",
    r"Queue's Absolute max capacity = (\d+(?:\.\d+)?) %",
    # the ResourceManager
    r"AM Container for \S+ exited with\s+exitCode: (-?\d{1,10})\b",
    r"For more detailed output, check .{1,1000}? of each attempt\.\s*\.?",
    "AM resource limit exceeded",
    "User's AM resource limit",
    "Application is Activated",
    "no protocol: N/A",
    "not found in AMRMTokenSecretManager",
    "the target queue doesn't exist",
    # NodeManagers
    "recently stopped",
    (
        r"(?:\[[^]]*\])?\s*Container \[pid=\d+,containerID=\w+\] is running \S+ beyond the "
        r"'(PHYSICAL|VIRTUAL)' memory limit\."
    ),
    r"User \[.*\] is not authorized to view the logs",
    "End of LogType:",
    # NameNodes and key servers
    "Name node is in safe mode",
    "is not a file",
    "must both be directories",
    "already exists",
    # Java, py4j and Kerberos
    "Picked up ",
    "KeyboardInterrupt while sending command",
    "Exception while sending command",
    "Stack trace",
    "Request is a replay",
    # uv, Python
    r"\(os error (\d{1,5})\)|\[Errno (\d{1,5})\]",
    # OpenSSL, ldd
    "-----BEGIN CERTIFICATE-----",
    "-----END CERTIFICATE-----",
    r"-----BEGIN CERTIFICATE-----[\sA-Za-z0-9+/=]+-----END CERTIFICATE-----",
    r"(\S+) => not found",
    # a probe of ours, which is run on nodes and read from their logs
    r"^yarnhub doctor: (?:Python (\d+)\.(\d+)\S*)?$",
    r"^yarnhub doctor: ([\d.]+) ([\d.]+)$",
}
"""What others say is read where there is no other way."""


def test_only_what_others_say_is_taken_apart() -> None:
    found = {
        (path.relative_to(SOURCES).as_posix(), text)
        for path in FILES
        for text in looked_for(ast.parse(path.read_text("utf-8")))
        if WORDS.search(text) and text not in FOREIGN
    }
    assert not found, "\n".join(map(repr, sorted(found)))


def test_commands_of_skein_are_named_by_skein_alone() -> None:
    found = {
        (path.relative_to(SOURCES).as_posix(), text)
        for path in FILES
        for text in texts(ast.parse(path.read_text("utf-8")))
        if COMMAND.search(text) and not path.is_relative_to(SOURCES / "skein")
    }
    assert not found


def test_what_takes_a_sentence_apart_is_found() -> None:
    source = """
ENDED = re.compile(r"Failure in service (\\w+)")
SAYS = " YARN's diagnostics: "
plain, _, words = message.partition(SAYS)
if "more memory" in message or message == "the same words": ...
"""
    found = {text for text in looked_for(ast.parse(source)) if WORDS.search(text)}
    assert found == {r"Failure in service (\w+)", " YARN's diagnostics: ", "more memory"}


def looked_for(tree: ast.Module) -> Iterator[str]:
    """What a module looks for in text, by a constant of its own or in place."""
    constants = {
        target.id: statement.value
        for statement in tree.body
        if isinstance(statement, ast.Assign)
        for target in statement.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        for wanted in _wanted(node):
            yield from texts(wanted)
            for name in ast.walk(wanted):
                if isinstance(name, ast.Name) and name.id in constants:
                    yield from texts(constants[name.id])


def _wanted(node: ast.AST) -> list[ast.expr]:
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Name(id="re"), attr=method)):
            return node.args[:1] if method in EXPRESSIONS else []
        case ast.Call(func=ast.Attribute(attr=method)):
            return node.args if method in TAKES_APART else []
        case ast.Compare(left=left, ops=[ast.In() | ast.NotIn()]):
            return [left]
        case _:
            return []


def texts(node: ast.AST) -> Iterator[str]:
    """All text that is written in a part of a program."""
    for each in ast.walk(node):
        match each:
            case ast.Constant(value=str(text)):
                yield text
            case ast.Constant(value=bytes(content)):
                yield content.decode(errors="replace")
            case _:
                pass
