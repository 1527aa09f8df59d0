"""The API token of a server, which tells the hub whose request it has received."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jupyterhub.spawner import Spawner

_STATE = "token_sha256"


class ServerToken:
    """Recognizes a server's API token, also in a hub that has been restarted.

    JupyterHub does not restore `Spawner.api_token`, so its digest is kept in the spawner's state.

    Args:
        spawner: The server's.
    """

    def __init__(self, spawner: Spawner) -> None:
        self._spawner = spawner
        self._kept = ""

    @property
    def state(self) -> dict[str, str]:
        """What a restarted hub needs."""
        digest = self._digest()
        return {_STATE: digest} if digest else {}

    def load(self, state: dict[str, Any]) -> None:
        """Restore what was kept in the spawner's state; an empty state forgets it."""
        self._kept = state.get(_STATE, "")

    def matches(self, token: str) -> bool:
        """Whether this is the token."""
        return hmac.compare_digest(self._digest(), _sha256(token))

    def _digest(self) -> str:
        token = self._spawner.api_token
        return _sha256(token) if token else self._kept


def _sha256(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
