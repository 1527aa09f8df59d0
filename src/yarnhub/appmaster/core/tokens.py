"""The tokens of an application: from clients, and from YARN."""

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
    """The delegation tokens that clients have sent since the application started; secret.

    They are not recorded: clients send them again to the next attempt.

    Args:
        most: The maximum size in bytes.
        actions: The list to which actions are added.
        now: Seconds since 1970.
    """

    def __init__(self, most: int, actions: list[Action], now: Callable[[], float]) -> None:
        self.latest = Tokens(number=0)
        self._most = most
        self._actions = actions
        self._now = now

    def update(self, request: UpdateTokens) -> Nothing:
        """Use these delegation tokens from now on.

        Raises:
            RefusedError: They are too large, or not valid.
        """
        try:
            given = TokenStorage.read(request.tokens)
        except ConfigurationError as error:
            raise RefusedError(FailureCode.INVALID, str(error)) from error
        before = TokenStorage.read(self.latest.tokens) if self.latest.tokens else TokenStorage()
        # Only YARN issues the AMRMToken, with which the ApplicationMaster authenticates.
        content = before.merge(TokenStorage(given.without(AMRM_TOKEN).tokens)).write()
        if len(content) > self._most:
            raise RefusedError(
                FailureCode.FULL, f"an application's tokens have {self._most} bytes at most"
            )
        # Times increase across attempts, but two updates may arrive within a millisecond.
        number = max(self.latest.number + 1, int(self._now() * 1000))
        self.latest = Tokens(number=number, tokens=content)
        self._actions.append(UseTokens(content))
        return Nothing()

    def watch(self, request: WatchTokens) -> Tokens | None:
        """The tokens, if they are newer than the client's."""
        return self.latest if self.latest.number > request.after else None


class YarnTokens:
    """The tokens from YARN.

    Args:
        ledger: Collects the changes.

    Attributes:
        am_rm: The newest AMRMToken from the scheduler; None if it has issued only the first.
        nodes: The token for each NodeManager with containers.
    """

    def __init__(self, ledger: Ledger) -> None:
        self.am_rm: Token | None = None
        self.nodes: dict[NodeId, NMToken] = {}
        self._ledger = ledger

    def keep(self, tokens: Iterable[NMToken]) -> None:
        """Store the tokens for these NodeManagers."""
        for token in tokens:
            if self.nodes.get(token.node_id) != token:
                self.nodes[token.node_id] = token
                self._ledger.note(token)
