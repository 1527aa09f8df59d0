"""The tags of sessions on YARN: whose they are, and which."""

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

    YARN accepts any tag from any user and shows it to others: copied or made-up tags must not pass
    for the hub's. So they are derived from a secret, and are valid for one user of the cluster.

    Args:
        secret: Of this hub alone, and always the same.
        kind: What YARN shows of all sessions: the name and a tag of their applications, and the
            name of their one service.
    """

    def __init__(self, secret: bytes, kind: str) -> None:
        self._secret = secret
        self.kind = kind
        self.all_sessions = f"{kind}-{self._code('hub')}"
        """Of all of the hub's applications, to ask for them; it proves nothing."""

    def session(self, user: str, owner: str, name: str) -> str:
        """The identity of a session.

        Args:
            user: The cluster's name of the user that it runs as.
            owner: The hub's name of the user.
            name: The session's; empty for the default one.
        """
        which = self._code("server", owner, name)
        return f"server-{which}-{self._code('user', user, which)}"

    def identity(self, tags: Iterable[str], user: str) -> str:
        """The identity among an application's tags; empty if this hub did not start it.

        Args:
            tags: The application's.
            user: Its user, as YARN reports.
        """
        for tag in tags:
            match = _IDENTITY.fullmatch(tag)
            if match and hmac.compare_digest(match[2], self._code("user", user, match[1])):
                return tag
        return ""

    def _code(self, *parts: str) -> str:
        return hmac.digest(self._secret, json.dumps(parts).encode(), "sha256").hex()[:32]


def words_for(owner: str, name: str) -> tuple[str, ...]:
    """Words by which an administrator finds a user's sessions; YARN takes lower-case ones.

    Names are written in what tags may hold, so two users may have the same.
    """
    user = f"user-{_NOT_IN_TAGS.sub('_', owner.lower())}"[:100]
    return (user, f"named-{_NOT_IN_TAGS.sub('_', name.lower())}"[:100]) if name else (user,)
