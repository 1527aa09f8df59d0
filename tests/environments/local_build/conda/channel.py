"""A channel of small conda packages in a folder."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_BLOCK = 128 << 10
PLACEHOLDER = f"/opt/placeholder_{'p' * 220}"
"""What builders of conda packages write instead of the environment's folder."""


@dataclass(frozen=True)
class Content:
    """A file of a package.

    Attributes:
        data: Its content.
        is_program: Whether it is executable.
        prefix: `text` or `binary` if it has the placeholder.
    """

    data: bytes
    is_program: bool = False
    prefix: str = ""


class CondaChannel:
    """A folder as a channel.

    Attributes:
        folder: The folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._records: dict[str, dict[str, dict[str, object]]] = {}
        for subdir in ("linux-64", "noarch"):
            self._write_index(subdir)

    @property
    def url(self) -> str:
        return self.folder.as_uri()

    def file(self, name: str, version: str = "1.0", subdir: str = "noarch") -> Path:
        return self.folder / subdir / f"{name}-{version}-0.conda"

    def add(
        self,
        name: str,
        version: str = "1.0",
        files: Mapping[str, Content | bytes] | None = None,
        *,
        depends: Sequence[str] = (),
        links: Mapping[str, str] | None = None,
        scripts: Mapping[str, str] | None = None,
        paths: Sequence[str] = (),
        is_python: bool = False,
        subdir: str = "noarch",
        described: str = "",
    ) -> Path:
        """Add a package; by default with a module of its name that contains its version.

        Args:
            name: Its name.
            version: The version.
            files: The files by their names.
            depends: What it depends on.
            links: The targets of links by their names.
            scripts: Entry points of a package for all versions of Python.
            paths: Names of files that it does not have.
            is_python: Whether it is for all versions of Python.
            subdir: The folder of the channel.
            described: The name in its own description.
        """
        if files is None:
            is_python = True
            module = (
                f"v = {version!r}\ndef tell():\n    import sys\n    print({name!r}, sys.prefix)\n"
            )
            files = {f"site-packages/{name}.py": module.encode(), **_dist_info(name, version)}
            depends = [*depends, "python"]
        index: dict[str, object] = {
            "name": name,
            "version": version,
            "build": "0",
            "build_number": 0,
            "depends": list(depends),
            "subdir": subdir,
            **({"noarch": "python" if is_python else "generic"} if subdir == "noarch" else {}),
        }
        about = {**index, "name": described or name}
        content = {
            key: each if isinstance(each, Content) else Content(each) for key, each in files.items()
        }
        entries = [_entry(key, each) for key, each in content.items()]
        entries += [{"_path": key, "path_type": "softlink"} for key in links or {}]
        entries += [{"_path": key, "path_type": "hardlink"} for key in paths]
        info = {"index.json": about, "paths.json": {"paths": entries, "paths_version": 1}}
        if is_python:
            points = [f"{key} = {value}" for key, value in (scripts or {}).items()]
            noarch = {"type": "python", "entry_points": points}
            info["link.json"] = {"noarch": noarch, "package_metadata_version": 1}
        file = self.file(name, version, subdir)
        about_it = {f"info/{key}": json.dumps(each).encode() for key, each in info.items()}
        parts = {
            "pkg": _tar(content, links or {}),
            "info": _tar({key: Content(each) for key, each in about_it.items()}, {}),
        }
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("metadata.json", '{"conda_pkg_format_version": 2}')
            for key, part in parts.items():
                archive.writestr(f"{key}-{file.stem}.tar.zst", _zstd(part))
        data = file.read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        self.record(file, {**index, "sha256": digest, "size": len(data)})
        return file

    def record(self, file: Path, record: Mapping[str, object]) -> None:
        """Add a package to the index."""
        self._records.setdefault(file.parent.name, {})[file.name] = dict(record)
        self._write_index(file.parent.name)

    def take(self, other: CondaChannel) -> None:
        """Add the packages of another channel."""
        for subdir, records in other._records.items():
            for name, record in records.items():
                target = self.folder / subdir / name
                target.hardlink_to(other.folder / subdir / name)
                self.record(target, record)

    def _write_index(self, subdir: str) -> None:
        folder = self.folder / subdir
        folder.mkdir(parents=True, exist_ok=True)
        index = {
            "info": {"subdir": subdir},
            "packages": {},
            "packages.conda": self._records.get(subdir, {}),
            "repodata_version": 1,
        }
        (folder / "repodata.json").write_text(json.dumps(index))


def python_package(channel: CondaChannel, tree: Path, version: str) -> None:
    """Add a Python, made of a copy of an interpreter, without what the tests do not need."""
    files: dict[str, Content] = {}
    links: dict[str, str] = {}
    for path in sorted(tree.rglob("*")):
        name = path.relative_to(tree).as_posix()
        if _UNUSED & {*path.relative_to(tree).parts} or path.stem.startswith("_codecs_"):
            continue
        if path.is_symlink():
            links[name] = str(path.readlink())
        elif path.is_file():
            is_program = bool(path.stat().st_mode & 0o100)
            files[name] = Content(path.read_bytes(), is_program=is_program)
    library = f"lib/python{'.'.join(version.split('.')[:2])}"
    # Like conda's own: byte code with times, and files with the path.
    files[f"{library}/__pycache__/this.cpython-39.pyc"] = Content(b"old")
    files["lib/pkgconfig/python3.pc"] = Content(f"prefix={PLACEHOLDER}\n".encode(), prefix="text")
    channel.add("python", version, files, links=links, subdir="linux-64")


_UNUSED = frozenset({"__pycache__", "ensurepip", "pydoc_data", "distutils", "lib2to3", "idlelib"})


def _dist_info(name: str, version: str) -> dict[str, bytes]:
    about = f"site-packages/{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    record = f"{name}.py,,\n{name}-{version}.dist-info/METADATA,,\n"
    return {f"{about}/METADATA": metadata.encode(), f"{about}/RECORD": record.encode()}


def _entry(name: str, content: Content) -> dict[str, object]:
    entry: dict[str, object] = {
        "_path": name,
        "path_type": "hardlink",
        "sha256": hashlib.sha256(content.data).hexdigest(),
        "size_in_bytes": len(content.data),
    }
    if content.prefix:
        entry |= {"file_mode": content.prefix, "prefix_placeholder": PLACEHOLDER}
    return entry


def _tar(files: Mapping[str, Content], links: Mapping[str, str]) -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as archive:
        for name, content in files.items():
            header = tarfile.TarInfo(name)
            header.size, header.mtime = len(content.data), 1_700_000_000
            header.mode = 0o755 if content.is_program else 0o644
            archive.addfile(header, io.BytesIO(content.data))
        for name, target in links.items():
            header = tarfile.TarInfo(name)
            header.type, header.linkname = tarfile.SYMTYPE, target
            archive.addfile(header)
    return written.getvalue()


def _zstd(data: bytes) -> bytes:
    """A frame of blocks that are not compressed (RFC 8878, sections 3.1.1.1 and 3.1.1.2)."""
    frame = bytearray(b"\x28\xb5\x2f\xfd\xa0" + len(data).to_bytes(4, "little"))
    for begin in range(0, len(data), _BLOCK):
        block = data[begin : begin + _BLOCK]
        is_last = begin + _BLOCK >= len(data)
        frame += (len(block) << 3 | is_last).to_bytes(3, "little") + block
    return bytes(frame)
