"""When a delegation token is renewed, and when it is replaced: pure, without a clock.

    fetched          renewed               expires                         ends
       |----------------|------ 3/4 ----------|                              |
       |                       renew                                         |
       |---------------------------- 3/4 ------------------------------------|
                                                    fetch

A server sets the date until which a token can be renewed, and at each renewal returns when it
expires. All margins are fractions of these times, so that they fit a week with daily renewals as
well as a minute.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from yarnhub.hadoop.wire.identifiers import YARNDelegationTokenIdentifier

_RENEW_AT = 0.75
"""The fraction of a token's lifetime after which it is renewed at the latest, as in Spark."""
_JITTER = 0.1
"""The fraction of jitter: a thousand users' tokens, fetched together after a restart, are not
renewed together."""
_MAX_TRIES = 20
"""The number of retries until a token has expired."""
_FIRST_PAUSE, _LAST_PAUSE = 0.5, 60.0


class NextStep(enum.Enum):
    """What a token needs next."""

    RENEW = "renew"
    FETCH = "fetch"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenLife:
    """The times of one token, in seconds by the holder's clock.

    Attributes:
        issued: When it was issued by the server's clock, ms since 1970.
        fetched: When it was fetched.
        renewed: When it was last renewed.
        expires: When it expires unless it is renewed.
        ends: When it expires for good.
    """

    issued: int
    fetched: float
    renewed: float
    expires: float
    ends: float

    @classmethod
    def begin(cls, identifier: YARNDelegationTokenIdentifier, now: float) -> TokenLife:
        """The life of a token that was just fetched.

        Its first expiry is unknown: it must be renewed at once.
        """
        issued, last = identifier.issue_date or 0, identifier.max_date or 0
        ends = now + (last - issued) / 1000
        return cls(issued=issued, fetched=now, renewed=now, expires=ends, ends=ends)

    def renewal(self, expiry: int, now: float) -> TokenLife:
        """The life after a renewal; only differences of the server's clock are used.

        Args:
            expiry: The expiry that the server returned, ms since 1970.
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
        """Seconds until a retry; longer once the token has expired."""
        left = abs(self.expires - now)
        return min(_LAST_PAUSE, max(_FIRST_PAUSE, left / _MAX_TRIES))
