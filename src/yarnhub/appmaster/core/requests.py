"""Requests of clients: answered immediately, refused, or waiting for an event."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from yarnhub.appmaster.core.actions import Reply
from yarnhub.base.errors import FailureCode
from yarnhub.control.messages import (
    Entries,
    Failure,
    Request,
    Tokens,
    WaitKey,
    WatchKeys,
    WatchTokens,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from yarnhub.appmaster.core.actions import Action
    from yarnhub.appmaster.core.key_history import KeyHistory
    from yarnhub.appmaster.core.keys import KeyValueStore
    from yarnhub.control.messages import KeyEvent

ENDING = Failure(FailureCode.ENDED, "the application is ending")


class RefusedError(Exception):
    """A request that is refused; `failure` has the reason for the client."""

    def __init__(self, code: FailureCode, message: str) -> None:
        super().__init__(message)
        self.failure = Failure(code, message)


class Requests:
    """The requests of clients; each gets exactly one reply, unless it is withdrawn first.

    Args:
        answers: The function for each request; it raises `RefusedError` if nothing was changed, and
            returns None if the request must wait.
        most: The maximum number of waiting requests.
        actions: The list to which replies are added.
    """

    def __init__(
        self,
        answers: Mapping[type[Request[Any]], Callable[[Any], object]],
        most: int,
        actions: list[Action],
    ) -> None:
        self.answers = answers
        self._most = most
        self._actions = actions
        self._key_waits: dict[int, WaitKey] = {}
        self._key_watches: dict[int, WatchKeys] = {}
        self._token_watches: dict[int, WatchTokens] = {}

    @property
    def waiting(self) -> int:
        """The number of waiting requests."""
        return len(self._key_waits) + len(self._key_watches) + len(self._token_watches)

    def answer(self, request: Request[Any]) -> object | None:
        """Execute a request; None if it must wait."""
        answer = self.answers.get(type(request))
        if answer is None:
            return Failure(FailureCode.UNKNOWN_REQUEST, f"unknown request {request.name()}")
        try:
            return answer(request)
        except RefusedError as refused:
            return refused.failure

    def ask(self, request_id: int, request: Request[Any]) -> None:
        """Execute a request and reply, immediately or when there is an answer."""
        answer = self.answer(request)
        if answer is None and self.waiting >= self._most:
            answer = Failure(FailureCode.FULL, f"{self._most} requests wait already, ask later")
        if answer is not None:
            self.reply(request_id, answer)
            return
        match request:
            case WaitKey():
                self._key_waits[request_id] = request
            case WatchKeys():
                self._key_watches[request_id] = request
            case WatchTokens():
                self._token_watches[request_id] = request
            case _:
                raise AssertionError(f"{request.name()} is answered at once")

    def withdraw(self, request_id: int) -> None:
        """Drop a waiting request, if it exists."""
        for waiting in (self._key_waits, self._key_watches, self._token_watches):
            waiting.pop(request_id, None)

    def tell_of_keys(
        self, events: Sequence[KeyEvent], keys: KeyValueStore, history: KeyHistory
    ) -> None:
        """Answer the requests that wait for these events of keys."""
        if not events:
            return
        touched = {event.key for event in events}
        for request_id, wait in list(self._key_waits.items()):
            if wait.key in touched and (entry := keys.get(wait.key)) is not None:
                del self._key_waits[request_id]
                self.reply(request_id, Entries(entries=(entry,)))
        for request_id, watch in list(self._key_watches.items()):
            news = history.news(watch, events)
            if news is not None:
                del self._key_watches[request_id]
                self.reply(request_id, news)

    def tell_of_tokens(self, tokens: Tokens) -> None:
        """Answer the requests that wait for newer tokens."""
        watches, self._token_watches = self._token_watches, {}
        for request_id in watches:
            self.reply(request_id, tokens)

    def end(self) -> None:
        """Answer all waiting requests: there will be no more events."""
        for waiting in (self._key_waits, self._key_watches, self._token_watches):
            for request_id in waiting:
                self.reply(request_id, ENDING)
            waiting.clear()

    def reply(self, request_id: int, answer: object) -> None:
        """Answer a request."""
        self._actions.append(Reply(request_id, answer))
