"""The tags of sessions on YARN: the hub, the user and the name."""

from __future__ import annotations

import hmac
import json
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_IDENTITY = re.compile(r"server-([0-9a-f]{32})-([0-9a-f]{32})")
_NOT_IN_TAGS = re.compile(r"[^a-z0-9._-]")


class HubTags:
    """The tags by which one hub recognizes its own sessions on YARN.

    YARN accepts any tag from any user and shows it to others. Copied or made-up tags must not be
    accepted, so the hub's are derived from a secret, and valid for one user of the cluster.

    Args:
        secret: The secret of this hub, which never changes.
        kind: The name and a tag of all sessions' applications, and the name of their only service.
    """

    def __init__(self, secret: bytes, kind: str) -> None:
        self._secret = secret
        self.kind = kind
        self.all_sessions = f"{kind}-{self._code('hub')}"
        """The tag of all of the hub's applications, for queries; it proves nothing."""

    def session(self, user: str, owner: str, name: str) -> str:
        """The identity of a session.

        Args:
            user: The name on the cluster of the user that it runs as.
            owner: The user's name in the hub.
            name: The session's name; empty for the default one.
        """
        which = self._code("server", owner, name)
        return f"server-{which}-{self._code('user', user, which)}"

    def identity(self, tags: Iterable[str], user: str) -> str:
        """The identity among an application's tags; empty if this hub did not start it.

        Args:
            tags: The application's tags.
            user: Its user, as reported by YARN.
        """
        for tag in tags:
            match = _IDENTITY.fullmatch(tag)
            if match and hmac.compare_digest(match[2], self._code("user", user, match[1])):
                return tag
        return ""

    def _code(self, *parts: str) -> str:
        return hmac.digest(self._secret, json.dumps(parts).encode(), "sha256").hex()[:32]


def words_for(owner: str, name: str) -> tuple[str, ...]:
    """Tags for administrators to find a user's sessions, in lower case as YARN requires.

    Characters that tags cannot contain are replaced, so two users may have the same tags.
    """
    user = f"user-{_NOT_IN_TAGS.sub('_', owner.lower())}"[:100]
    return (user, f"named-{_NOT_IN_TAGS.sub('_', name.lower())}"[:100]) if name else (user,)
