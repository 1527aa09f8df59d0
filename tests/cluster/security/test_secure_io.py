"""Calls of a method in a class file are replaced by false."""

from __future__ import annotations

import struct
import zipfile
from typing import TYPE_CHECKING

import pytest

from yarnhub.cluster.errors import ClusterError
from yarnhub.cluster.security.secure_io import (
    PATCHED_CLASS,
    PATCHED_METHOD,
    patch_class,
    write_patched_class,
)

if TYPE_CHECKING:
    from pathlib import Path


def utf8(text: str) -> bytes:
    return struct.pack(">BH", 1, len(text)) + text.encode()


def class_file(owner: str, method: str, body: bytes) -> bytes:
    """The parts of a class file that matter here: a constant pool, then code."""
    pool = [
        struct.pack(">BQ", 5, 7),  # a long, which counts twice
        utf8(owner),  # 3
        struct.pack(">BH", 7, 3),  # 4
        utf8(method),  # 5
        utf8("()Z"),  # 6
        struct.pack(">BHH", 12, 5, 6),  # 7
        struct.pack(">BHH", 10, 4, 7),  # 8
    ]
    return struct.pack(">IHHH", 0xCAFEBABE, 0, 52, 9) + b"".join(pool) + body


def test_each_call_becomes_false() -> None:
    call, other = b"\xb8\x00\x08", b"\xb8\x00\x07"
    patched = patch_class(class_file(*PATCHED_METHOD, call + other + call))
    assert patched == class_file(*PATCHED_METHOD, b"\x03\x00\x00" + other + b"\x03\x00\x00")


@pytest.mark.parametrize(
    ("owner", "method", "body"),
    [
        (PATCHED_METHOD[0], "isOtherwise", b"\xb8\x00\x08"),
        ("org/example/Other", PATCHED_METHOD[1], b"\xb8\x00\x08"),
        (*PATCHED_METHOD, b"\xb8\x00\x07"),
    ],
)
def test_a_class_that_does_not_ask_is_refused(owner: str, method: str, body: bytes) -> None:
    with pytest.raises(ClusterError, match="cannot be patched"):
        patch_class(class_file(owner, method, body))


def test_the_copy_is_where_java_looks_first(tmp_path: Path) -> None:
    code = class_file(*PATCHED_METHOD, b"\xb8\x00\x08")
    with zipfile.ZipFile(tmp_path / "hadoop-common-9.9.9.jar", "w") as archive:
        archive.writestr(PATCHED_CLASS, code)
    write_patched_class(tmp_path, tmp_path / "resources")
    assert (tmp_path / "resources" / PATCHED_CLASS).read_bytes() == patch_class(code)


def test_no_class_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match="no hadoop-common jar"):
        write_patched_class(tmp_path, tmp_path)
