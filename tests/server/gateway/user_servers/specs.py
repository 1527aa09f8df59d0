"""The service's kernelspecs in tests."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

SPEC: dict[str, Any] = {
    "argv": ["python", "-m", "ipykernel_launcher", "-f", "{connection_file}"],
    "display_name": "Python",
    "language": "python",
    "env": {"SECRET": "of the service"},
    "metadata": {
        "debugger": True,
        "kernel_provisioner": {
            "provisioner_name": "yarnhub",
            "config": {
                "memory": 2**30,
                "limits": {"KERNEL_MEMORY": "2 GiB"},
                "env": {"OTHER_SECRET": "1"},
                "prologue": "export THIRD_SECRET=1",
                "shared_folders": {"/home": "/nfs/home"},
            },
        },
    },
}


def install(folder: Path, name: str, spec: dict[str, Any] = SPEC) -> None:
    place = folder / "kernels" / name
    place.mkdir(parents=True, exist_ok=True)
    (place / "kernel.json").write_text(json.dumps(spec))
    (place / "logo-64x64.png").write_bytes(b"logo")
