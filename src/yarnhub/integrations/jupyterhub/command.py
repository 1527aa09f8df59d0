"""The command that runs a server, with jupyterhub's program replaced by ours; no I/O."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

PROGRAM = "yarnspawner.singleuser"
"""It unpacks the server's secrets and reports the port to the hub; jupyterhub's does neither."""

_SCRIPT = re.compile(r"(?<!\S)(\S*/)?(?:jupyterhub-singleuser|jupyter-labhub)(?!\S)")
_MODULE = re.compile(r"(?<!\S)-m\s+(?:jupyterhub\.singleuser|jupyterlab\.labhubapp)(?!\S)")


def with_our_program(command: Sequence[str]) -> list[str]:
    """A command with our program instead of jupyterhub's, from the same environment.

    Args:
        command: Words of a shell command; one string can contain several.
    """
    return [_replaced(words) for words in command]


def _replaced(words: str) -> str:
    words = _SCRIPT.sub(lambda found: f"{found[1] or ''}python3 -m {PROGRAM}", words)
    return _MODULE.sub(f"-m {PROGRAM}", words)
