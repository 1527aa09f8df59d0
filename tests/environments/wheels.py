"""Small wheels, and indexes of them."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


def wheel(
    folder: Path,
    name: str,
    version: str = "1.0",
    files: Mapping[str, bytes] | None = None,
    *,
    requires: Sequence[str] = (),
    python: str = "",
    scripts: Mapping[str, str] | None = None,
) -> Path:
    """Make a wheel; by default with a module of its name that contains its version."""
    content = dict(files if files is not None else {f"{name}.py": f"v = {version!r}\n".encode()})
    about = f"{name}-{version}.dist-info"
    metadata = [f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}"]
    metadata += [f"Requires-Dist: {each}" for each in requires]
    metadata += [f"Requires-Python: {python}"] if python else []
    content[f"{about}/METADATA"] = ("\n".join(metadata) + "\n").encode()
    content[f"{about}/WHEEL"] = (
        b"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    )
    if scripts:
        lines = [f"{script} = {target}" for script, target in scripts.items()]
        text = "[console_scripts]\n" + "\n".join(lines) + "\n"
        content[f"{about}/entry_points.txt"] = text.encode()
    rows = [f"{path},sha256={digest(data)},{len(data)}" for path, data in content.items()]
    content[f"{about}/RECORD"] = ("\n".join([*rows, f"{about}/RECORD,,"]) + "\n").encode()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for file, data in content.items():
            # With a time of its own: the same wheel has the same hash at any time.
            archive.writestr(zipfile.ZipInfo(file, (2020, 1, 1, 0, 0, 0)), data)
    return path


def digest(content: bytes) -> str:
    """A hash as RECORD has it."""
    found = base64.urlsafe_b64encode(hashlib.sha256(content).digest())
    return found.rstrip(b"=").decode()


def pinned(path: Path) -> str:
    """The line of a lock for a wheel."""
    name, version, *_ = path.name.split("-")
    return f"{name}=={version} --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"
