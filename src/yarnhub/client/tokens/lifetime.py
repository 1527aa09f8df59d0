"""When a delegation token is renewed, and when a new one takes its place: pure, without a clock.

    fetched          renewed               expires                         ends
       |----------------|------ 3/4 ----------|                              |
       |                       renew                                         |
       |---------------------------- 3/4 ------------------------------------|
                                                    fetch

A server gives a token a date up to which its renewer may have it live on, and at each renewal
tells until when it lives. All margins are parts of these times: what serves for a week with a
renewal each day serves for a minute.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from yarnhub.hadoop.wire.identifiers import YARNDelegationTokenIdentifier

_RENEW_AT = 0.75
"""The part of a token's time after which something is done at the latest. Spark's is the same."""
_JITTER = 0.1
"""The part within which chance chooses: a thousand users' tokens, fetched at once after a
restart, are not all renewed at once."""
_MAX_TRIES = 20
"""How often something is tried again until a token has ended."""
_FIRST_PAUSE, _LAST_PAUSE = 0.5, 60.0


class NextStep(enum.Enum):
    """What a token needs next."""

    RENEW = "renew"
    FETCH = "fetch"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenLife:
    """The times of one token, in seconds by the clock of whoever keeps it.

    Attributes:
        issued: When it was issued by the server's clock, ms since 1970.
        fetched: When that was.
        renewed: When it was renewed last.
        expires: When it ends unless it is renewed.
        ends: When it ends for good.
    """

    issued: int
    fetched: float
    renewed: float
    expires: float
    ends: float

    @classmethod
    def begin(cls, identifier: YARNDelegationTokenIdentifier, now: float) -> TokenLife:
        """The life of a token that was fetched just now.

        How long it lives without a renewal nobody tells: it has to be renewed at once.
        """
        issued, last = identifier.issue_date or 0, identifier.max_date or 0
        ends = now + (last - issued) / 1000
        return cls(issued=issued, fetched=now, renewed=now, expires=ends, ends=ends)

    def renewal(self, expiry: int, now: float) -> TokenLife:
        """The same after a renewal; of the server's clock only differences count.

        Args:
            expiry: The server's answer, ms since 1970.
            now: The time.
        """
        expires = self.fetched + (expiry - self.issued) / 1000
        return replace(self, renewed=now, expires=min(expires, self.ends))

    def next(self, chance: float) -> tuple[float, NextStep]:
        """What to do next, and when.

        Args:
            chance: A random number from 0 to 1, which the caller draws once for a token.
        """
        used = _RENEW_AT - _JITTER * chance
        fetch = self.fetched + used * (self.ends - self.fetched)
        renew = self.renewed + used * (self.expires - self.renewed)
        if self.expires < self.ends and renew < fetch:
            return renew, NextStep.RENEW
        return fetch, NextStep.FETCH

    def pause(self, now: float) -> float:
        """Seconds until something that failed is tried again; they grow when it is too late."""
        left = abs(self.expires - now)
        return min(_LAST_PAUSE, max(_FIRST_PAUSE, left / _MAX_TRIES))
