"""What users see of a kernelspec: neither its variables nor its prologue nor its files.

The service starts kernels from its own copy, and these may have secrets.
"""

from __future__ import annotations

import re
from typing import Any

_FILE = re.compile(r"(?!kernel\.json$)[A-Za-z0-9_][\w.-]{0,99}", re.ASCII)
_SHOWN = (
    "queue", "memory", "vcores", "gpus", "resource_types", "node_label", "priority", "limits",
    "allowed_env",
)  # fmt: skip
"""What a request may change, and its bounds."""


def is_shown(file: str) -> bool:
    """Whether users see a file of a kernelspec's folder: logos and the like."""
    return _FILE.fullmatch(file) is not None


def shown(spec: Any, **settings: Any) -> dict[str, Any]:
    """A kernelspec as users see it, of JSON.

    Args:
        spec: The kernelspec, of jupyter_client.
        settings: More settings of its provisioner.
    """
    plain: dict[str, Any] = spec.to_dict()
    metadata = dict(plain["metadata"])
    provisioner = metadata.get("kernel_provisioner")
    if isinstance(provisioner, dict):
        config = provisioner.get("config") or {}
        seen = {key: config[key] for key in _SHOWN if key in config}
        name = provisioner.get("provisioner_name")
        metadata["kernel_provisioner"] = {"provisioner_name": name, "config": seen | settings}
    return plain | {"env": {}, "metadata": metadata}
