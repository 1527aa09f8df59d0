"""A patch of Hadoop's SecureIOUtils for log aggregation with Kerberos on a test cluster.

With security on, this class requires Hadoop's native library, which no artifact of Hadoop contains;
without it, the NodeManager crashes at the end of the first application. The native code checks
that a log file belongs to the user whose logs are read, so that no user can aggregate another
user's files by a symbolic link. A test cluster does not need this check, and Hadoop without
Kerberos does not have it. The class is copied from Hadoop's jar, with its calls of
`isSecurityEnabled` replaced by false, into a folder before the jar on the class path.

Source: SecureIOUtils.java (the same in Hadoop 3.3 and 3.4); the Java
Virtual Machine Specification, chapter 4 (class files) and 6 (instructions).
"""

from __future__ import annotations

import struct
import zipfile
from typing import TYPE_CHECKING

from yarnhub.cluster.errors import ClusterError

if TYPE_CHECKING:
    from pathlib import Path

PATCHED_CLASS = "org/apache/hadoop/io/SecureIOUtils.class"
PATCHED_METHOD = ("org/apache/hadoop/security/UserGroupInformation", "isSecurityEnabled")

INVOKESTATIC = 0xB8
PUSH_FALSE = bytes([0x03, 0x00, 0x00])
"""`iconst_0; nop; nop`: as long as a call of a static method."""

UTF8, INTEGER, FLOAT, LONG, DOUBLE, CLASS_NAME, STRING = 1, 3, 4, 5, 6, 7, 8
FIELD, METHOD, INTERFACE_METHOD, NAME_AND_TYPE = 9, 10, 11, 12
METHOD_HANDLE, METHOD_TYPE, DYNAMIC, INVOKE_DYNAMIC, MODULE, PACKAGE = 15, 16, 17, 18, 19, 20
SIZES = {
    **dict.fromkeys((CLASS_NAME, STRING, METHOD_TYPE, MODULE, PACKAGE), 2),
    METHOD_HANDLE: 3,
    **dict.fromkeys((INTEGER, FLOAT, FIELD, METHOD, INTERFACE_METHOD, NAME_AND_TYPE), 4),
    **dict.fromkeys((DYNAMIC, INVOKE_DYNAMIC), 4),
    **dict.fromkeys((LONG, DOUBLE), 8),
}
"""Bytes after each tag; UTF8 has its own length."""


def write_patched_class(jars: Path, target: Path) -> None:
    """Write the patched class into `target`, a folder before the jars on the class path.

    Raises:
        ClusterError: The class of this Hadoop version is not as expected.
    """
    for jar in sorted(jars.glob("hadoop-common-*.jar")):
        with zipfile.ZipFile(jar) as archive:
            if PATCHED_CLASS in archive.namelist():
                path = target / PATCHED_CLASS
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(patch_class(archive.read(PATCHED_CLASS)))
                return
    raise ClusterError(f"no hadoop-common jar in {jars} contains {PATCHED_CLASS}")


def patch_class(code: bytes) -> bytes:
    """The class with each call of `PATCHED_METHOD` replaced by false.

    Raises:
        ClusterError: The class does not call it.
    """
    call = struct.pack(">BH", INVOKESTATIC, _method_index(code))
    if call not in code:
        raise ClusterError(f"{PATCHED_CLASS} of this Hadoop version cannot be patched")
    return code.replace(call, PUSH_FALSE)


def _method_index(code: bytes) -> int:
    """The index of `PATCHED_METHOD` in the constant pool; 0, which is never an index, if absent."""
    entries = _constant_pool(code)

    def text(index: int) -> str:
        return entries[index][1].decode(errors="replace")

    for index, (tag, content) in entries.items():
        if tag == METHOD:
            owner, name_and_type = struct.unpack(">HH", content)
            (owner_name,) = struct.unpack(">H", entries[owner][1])
            name, _ = struct.unpack(">HH", entries[name_and_type][1])
            if (text(owner_name), text(name)) == PATCHED_METHOD:
                return index
    return 0


def _constant_pool(code: bytes) -> dict[int, tuple[int, bytes]]:
    """The tag and content of each constant, by index."""
    (count,) = struct.unpack_from(">H", code, 8)  # after magic and version
    entries: dict[int, tuple[int, bytes]] = {}
    offset, index = 10, 1
    while index < count:
        tag = code[offset]
        offset += 1
        if tag == UTF8:
            (size,) = struct.unpack_from(">H", code, offset)
            offset += 2
        else:
            size = SIZES[tag]
        entries[index] = (tag, code[offset : offset + size])
        offset += size
        index += 2 if tag in {LONG, DOUBLE} else 1
    return entries
