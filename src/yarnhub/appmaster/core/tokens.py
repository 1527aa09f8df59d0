"""The tokens of an application: those that clients hand in, and those that YARN gives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from yarnhub.appmaster.core.actions import UseTokens
from yarnhub.appmaster.core.requests import RefusedError
from yarnhub.base.errors import ConfigurationError, FailureCode
from yarnhub.control.messages import Nothing, Tokens, UpdateTokens, WatchTokens
from yarnhub.hadoop.wire.tokens import AMRM_TOKEN, TokenStorage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from yarnhub.appmaster.core.actions import Action
    from yarnhub.appmaster.core.records import Ledger
    from yarnhub.hadoop.wire.tokens import Token
    from yarnhub.yarn.records.containers import NMToken
    from yarnhub.yarn.records.ids import NodeId


class DelegationTokens:
    """The delegation tokens that were handed in since the application began; secret.

    They are not recorded: an attempt that follows is handed them again.

    Args:
        most: How many bytes they may have.
        actions: Where goes what has to be done.
        now: Seconds since 1970.
    """

    def __init__(self, most: int, actions: list[Action], now: Callable[[], float]) -> None:
        self.latest = Tokens(number=0)
        self._most = most
        self._actions = actions
        self._now = now

    def update(self, request: UpdateTokens) -> Nothing:
        """Use other delegation tokens from now on.

        Raises:
            RefusedError: They are too many, or none.
        """
        try:
            given = TokenStorage.read(request.tokens)
        except ConfigurationError as error:
            raise RefusedError(FailureCode.INVALID, str(error)) from error
        before = TokenStorage.read(self.latest.tokens) if self.latest.tokens else TokenStorage()
        # The AMRMToken opens the ResourceManager to the ApplicationMaster: only YARN gives it.
        content = before.merge(TokenStorage(given.without(AMRM_TOKEN).tokens)).write()
        if len(content) > self._most:
            raise RefusedError(
                FailureCode.FULL, f"an application's tokens have {self._most} bytes at most"
            )
        # The time goes on from attempt to attempt, and two updates may come in one millisecond.
        number = max(self.latest.number + 1, int(self._now() * 1000))
        self.latest = Tokens(number=number, tokens=content)
        self._actions.append(UseTokens(content))
        return Nothing()

    def watch(self, request: WatchTokens) -> Tokens | None:
        """The tokens, if they are newer than those that a client has."""
        return self.latest if self.latest.number > request.after else None


class YarnTokens:
    """The tokens that YARN gave.

    Args:
        ledger: Where changes are noted.

    Attributes:
        am_rm: The newest AMRMToken that the scheduler gave; None if it gave none but the first.
        nodes: What opens each NodeManager that containers run on.
    """

    def __init__(self, ledger: Ledger) -> None:
        self.am_rm: Token | None = None
        self.nodes: dict[NodeId, NMToken] = {}
        self._ledger = ledger

    def keep(self, tokens: Iterable[NMToken]) -> None:
        """Know what opens these NodeManagers."""
        for token in tokens:
            if self.nodes.get(token.node_id) != token:
                self.nodes[token.node_id] = token
                self._ledger.note(token)
