"""The command that runs a server: jupyterhub's own names of it stand for ours; no I/O."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

PROGRAM = "yarnspawner.singleuser"
"""It gets the server's secrets, and tells the hub the port: jupyterhub's own does neither."""

_SCRIPT = re.compile(r"(?<!\S)(\S*/)?(?:jupyterhub-singleuser|jupyter-labhub)(?!\S)")
_MODULE = re.compile(r"(?<!\S)-m\s+(?:jupyterhub\.singleuser|jupyterlab\.labhubapp)(?!\S)")


def with_our_program(command: Sequence[str]) -> list[str]:
    """A command, with our program in place of jupyterhub's of the same environment.

    Args:
        command: Words of a shell's line; one text may hold several.
    """
    return [_replaced(words) for words in command]


def _replaced(words: str) -> str:
    words = _SCRIPT.sub(lambda found: f"{found[1] or ''}python3 -m {PROGRAM}", words)
    return _MODULE.sub(f"-m {PROGRAM}", words)
