"""The launcher with other constants than those that travel, so that tests need not wait."""

from __future__ import annotations

import io
import zipfile
import zlib

from yarnhub.kernels.launcher_zip import launcher_secrets


def program_with(**constants: str) -> dict[str, bytes]:
    """The launcher's secret, with constants of its modules replaced: `supervisor.NAME` = value."""
    ((name, content),) = launcher_secrets().items()
    mark, separator, packed = content.partition(b"\xff")
    made = io.BytesIO()
    left = dict(constants)
    with (
        zipfile.ZipFile(io.BytesIO(zlib.decompress(packed))) as shipped,
        zipfile.ZipFile(made, "w") as archive,
    ):
        for each in shipped.namelist():
            source = shipped.read(each).decode()
            for constant, value in constants.items():
                lines = source.split("\n")
                for at, line in enumerate(lines):
                    if line.startswith(f"{constant} = "):
                        lines[at] = f"{constant} = {value}"
                        left.pop(constant, None)
                source = "\n".join(lines)
            archive.writestr(each, source)
    assert not left, "no such constants"
    return {name: mark + separator + zlib.compress(made.getvalue())}
