"""The launcher's code in a token file, and the line that runs it."""

from __future__ import annotations

import ast
import io
import os
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from interpreters import PYTHONS
from kernels.contract import kernel_request
from yarnhub.appmaster.shell.agent_program import token_agent
from yarnhub.base.errors import SpecError
from yarnhub.client.access.credentials import Credentials
from yarnhub.control import bootstrap
from yarnhub.hadoop.wire.tokens import TokenStorage
from yarnhub.kernels.launcher_zip import launcher_command, launcher_secrets
from yarnhub.kernels.local_holder import MAX_RECORD, RECORD, kernel_secrets
from yarnhub.kernels.records import KernelRecord

if TYPE_CHECKING:
    from collections.abc import Iterator

ALLOWED = ("base", "control", "hadoop", "kernels", "yarn")
MAX_SIZE = 48 * 1024
"""Bytes: it is kept for each kernel, and sent to its node."""


def archive() -> zipfile.ZipFile:
    (content,) = launcher_secrets().values()
    return zipfile.ZipFile(io.BytesIO(zlib.decompress(content.partition(b"\xff")[2])))


def imported(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            yield str(node.module)
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def test_it_is_small() -> None:
    (content,) = launcher_secrets().values()
    assert len(content) <= MAX_SIZE


def test_it_contains_what_the_launcher_imports_and_no_more() -> None:
    found = archive()
    sources = {
        name.removesuffix(".py").removesuffix("/__init__").replace("/", "."): found.read(name)
        for name in found.namelist()
        if name != "__main__.py"
    }
    unseen, needed = ["yarnhub.kernels.launcher.program"], set[str]()
    while unseen:
        name = unseen.pop()
        if name in sources and name not in needed:
            needed.add(name)
            needed.update(".".join(name.split(".")[:end]) for end in range(1, name.count(".") + 1))
            unseen += imported(sources[name].decode())
    assert needed == set(sources)
    top = {name.split(".")[1] for name in sources if "." in name}
    assert top == set(ALLOWED)
    outside = {
        name.split(".")[0] for source in sources.values() for name in imported(source.decode())
    } - {"yarnhub"}
    assert outside <= sys.stdlib_module_names | {"__future__"}


def test_nothing_in_it_looks_like_a_zip() -> None:
    (content,) = launcher_secrets().values()
    assert b"PK\x05\x06" not in content
    assert b"PK\x03\x04" not in content


def position(name: str, size: int) -> int:
    """Where a secret is in a `java.util.HashMap<Text, byte[]>` of a size.

    Source: java.util.HashMap.hash, org.apache.hadoop.io.WritableComparator.hashBytes.
    """
    found = 1
    for byte in name.encode():
        found = (31 * found + byte) % 2**32
    return (found ^ (found >> 16)) % size


@pytest.mark.parametrize("size", [8, 16, 32, 64, 128])
def test_a_node_manager_writes_it_before_the_token_agent(size: int) -> None:
    (name,) = bootstrap.named_secrets(launcher_secrets())
    assert position(name, size) < position(bootstrap.AGENT, size)


@pytest.mark.parametrize("python", PYTHONS)
def test_after_the_largest_kernel_python_finds_the_token_agent(tmp_path: Path, python: str) -> None:
    def kernel(filling: int) -> dict[str, bytes]:
        request = kernel_request(python, env={"FILLING": "x" * filling})
        return kernel_secrets(KernelRecord(request=request, key="00" * 32, created=1.0), ())

    room = MAX_RECORD - len(kernel(0)[RECORD])
    with pytest.raises(SpecError, match="at most 16 KiB"):
        kernel(room + 1)
    own = Credentials.generate()
    tokens = tmp_path / "tokens"
    last = {**bootstrap.named_secrets(kernel(room)), bootstrap.TRUST: own.certificate * 10}
    pair = {bootstrap.CERTIFICATE: own.certificate, bootstrap.KEY: own.key}
    tokens.write_bytes(TokenStorage({}, {**secrets(), **pair, **last}).write())
    done = subprocess.run(
        [python, "-IS", str(tokens), "1"],
        cwd=tmp_path, env={}, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert "token_agent.py" in done.stderr
    assert done.stderr.splitlines()[-1] == "KeyError: 'HADOOP_TOKEN_FILE_LOCATION'"


def run(folder: Path, python: str, secrets: dict[str, bytes], **variables: str) -> tuple[int, str]:
    """Run the launcher's command in a container without a kernel; its exit code and output."""
    tokens = folder / "tokens"
    tokens.write_bytes(TokenStorage({}, secrets).write())
    done = subprocess.run(
        ["/bin/bash", "-c", " ".join(launcher_command(python))],
        cwd=folder,
        env={"HADOOP_TOKEN_FILE_LOCATION": str(tokens), "PATH": os.defpath, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=60,
    )
    return done.returncode, done.stdout


def secrets() -> dict[str, bytes]:
    return {**bootstrap.named_secrets(launcher_secrets()), bootstrap.AGENT: token_agent()}


@pytest.mark.parametrize("python", ["", *PYTHONS])
def test_it_runs_without_yarnhub(tmp_path: Path, python: str) -> None:
    code, said = run(tmp_path, python, secrets())
    assert said == "yarnhub: this is not a container of a kernel: KeyError('kernel')\n"
    assert code == 1
    packed = tmp_path / ".yarnhub-launcher.zip"
    assert packed.stat().st_mode & 0o777 == 0o600


def test_the_words_of_a_path_are_quoted(tmp_path: Path) -> None:
    folder = tmp_path / "it's; $(touch x)"
    folder.mkdir()
    (folder / "python").symlink_to(Path(sys.executable).resolve())
    _, said = run(tmp_path, f"{folder}/python", secrets())
    assert "not a container of a kernel" in said
    assert not (tmp_path / "x").exists()


def test_without_a_python_the_log_says_what_to_do(tmp_path: Path) -> None:
    code, said = run(tmp_path, "", secrets(), PATH=str(tmp_path))
    assert said.startswith("No Python of version 3.11 or newer on this node")
    assert code == 1


@pytest.mark.parametrize("text", ["exit 1", "echo old; exit 2", "no such program"])
def test_another_python_is_refused(tmp_path: Path, text: str) -> None:
    old = tmp_path / "python2"
    old.write_text(f"#!/bin/sh\n{text}\n")
    old.chmod(0o755)
    code, said = run(tmp_path, str(old), secrets())
    assert code == 1
    assert said.splitlines()[-1:] == [
        f"{old} is not a Python of version 3.11 or newer on this node."
    ]


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / ".yarnhub-launcher.zip").mkdir()
    code, said = run(tmp_path, "", secrets())
    assert code == 1
    assert "cannot be unpacked: [Errno 21] Is a directory" in said
