"""Browsers that are logged in: random ids, whose tokens of the hub stay in this process.

After a restart of the service, browsers log in again by themselves: their logins at the
hub remain.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from yarnhub.server.hub.oauth import LOGGED_IN

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_OF_USER = 20
"""Browsers of one user; the one that logged in first is logged out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A browser that is logged in.

    Attributes:
        id: In its cookie.
        user: The user's name at the hub.
        token: The user's token of the hub.
        form_token: In each form: a page of another site does not know it. It is the same in all
            browsers of the user, so that a form works after another tab has logged in.
        began: When it logged in, by the clock of `Sessions`.
    """

    id: str = field(repr=False)
    user: str
    token: str = field(repr=False)
    form_token: str = field(repr=False)
    began: float


class Sessions:
    """The browsers that are logged in.

    Args:
        clock: Seconds, never backwards.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._secret = secrets.token_bytes(32)
        self._by_id: dict[str, Session] = {}
        self._of_user: defaultdict[str, list[str]] = defaultdict(list)  # in order of their logins

    def __len__(self) -> int:
        return len(self._by_id)

    def open(self, user: str, token: str) -> Session:
        """Log a browser in."""
        session = Session(
            id=secrets.token_urlsafe(32),
            user=user,
            token=token,
            form_token=hmac.new(self._secret, user.encode(), hashlib.sha256).hexdigest(),
            began=self._clock(),
        )
        self._by_id[session.id] = session
        mine = self._of_user[user]
        mine.append(session.id)
        for each in mine[:-1]:
            if len(mine) > MAX_OF_USER or self._is_old(self._by_id[each]):
                self.close(each)
        return session

    def get(self, session_id: str) -> Session | None:
        """A browser that is logged in; None if it is not, or not anymore."""
        found = self._by_id.get(session_id)
        if found is not None and self._is_old(found):
            self.close(session_id)
            return None
        return found

    def close(self, session_id: str) -> None:
        """Log a browser out."""
        found = self._by_id.pop(session_id, None)
        if found is not None:
            mine = self._of_user[found.user]
            mine.remove(session_id)
            if not mine:
                del self._of_user[found.user]

    def _is_old(self, session: Session) -> bool:
        return self._clock() - session.began > LOGGED_IN
