"""Delegation tokens that a running application is given."""

from __future__ import annotations

import pytest

from appmaster.core.scenario import Scenario, application, service
from yarnhub.appmaster.core.actions import UseTokens
from yarnhub.control.messages import FinalStatus, Shutdown, Tokens, UpdateTokens, WatchTokens
from yarnhub.hadoop.wire.tokens import AMRM_TOKEN, Token, TokenStorage

OLD = Token(b"old", b"secret", "HDFS_DELEGATION_TOKEN", "10.0.0.1:8020")
NEW = Token(b"new", b"secret", "HDFS_DELEGATION_TOKEN", "10.0.0.1:8020")
OTHER = Token(b"other", b"secret", "RM_DELEGATION_TOKEN", "10.0.0.9:8032")


@pytest.fixture
def play() -> Scenario:
    scenario = Scenario(application("run", a=service()))
    scenario.start()
    return scenario


def update(*tokens: Token) -> UpdateTokens:
    return UpdateTokens(tokens=TokenStorage({each.service: each for each in tokens}).write())


def test_what_runs_beside_is_told_with_each_update(play: Scenario) -> None:
    play.ask(update(OLD))
    play.ask(update(NEW, OTHER))
    found = [TokenStorage.read(each.tokens).tokens for each in play.of(UseTokens)]
    assert found == [{OLD.service: OLD}, {NEW.service: NEW, OTHER.service: OTHER}]


def test_who_waits_is_answered_with_the_next_update(play: Scenario) -> None:
    waiting = play.request(WatchTokens())
    assert play.replies(waiting) == []
    play.ask(update(OLD))
    (answer,) = play.replies(waiting)
    assert TokenStorage.read(answer.tokens).tokens == {OLD.service: OLD}
    again = play.request(WatchTokens(after=answer.number))
    assert play.replies(again) == []
    play.ask(update(NEW))
    (answer,) = play.replies(again)
    assert TokenStorage.read(answer.tokens).tokens == {NEW.service: NEW}


def test_who_comes_late_is_answered_at_once_and_with_all_there_is(play: Scenario) -> None:
    play.ask(update(OLD, OTHER))
    play.ask(update(NEW))
    found = TokenStorage.read(play.ask(WatchTokens()).tokens)
    assert found.tokens == {NEW.service: NEW, OTHER.service: OTHER}


def test_what_a_later_attempt_is_given_is_newer(play: Scenario) -> None:
    play.ask(update(OLD))
    play.ask(update(OLD))
    seen = play.ask(WatchTokens()).number
    later = Scenario(application("run", a=service()))
    later.now = play.now + 1
    later.start()
    waiting = later.request(WatchTokens(after=seen))
    assert later.replies(waiting) == [], "its first tokens are those of the submission, older ones"
    later.ask(update(NEW))
    assert later.replies(waiting)[0].number > seen


def test_two_updates_at_once_have_two_numbers(play: Scenario) -> None:
    play.ask(update(OLD))
    play.now -= 2
    first = play.ask(WatchTokens(after=-1)).number
    play.now -= 2
    play.ask(update(NEW))
    assert play.ask(WatchTokens(after=first)).number > first


def test_nobody_replaces_the_token_that_yarn_gave_the_application_master(play: Scenario) -> None:
    forged = TokenStorage({"": Token(b"x", b"y", AMRM_TOKEN, "")})
    play.ask(UpdateTokens(tokens=forged.write()))
    assert TokenStorage.read(play.of(UseTokens)[0].tokens).tokens == {}


def test_secrets_are_not_taken(play: Scenario) -> None:
    play.ask(UpdateTokens(tokens=TokenStorage({}, {"yarnhub.key": b"forged"}).write()))
    assert TokenStorage.read(play.ask(WatchTokens()).tokens).secrets == {}


def test_what_is_no_token_file_is_refused(play: Scenario) -> None:
    failure = play.refusal(UpdateTokens(tokens=b"HDTS\x00"))
    assert failure.code == "invalid"
    assert "token file" in failure.message
    assert play.of(UseTokens) == []


def test_tokens_are_in_no_repr(play: Scenario) -> None:
    request = update(NEW)
    play.ask(request)
    shown = repr((request, play.of(UseTokens), Tokens(number=1, tokens=b"secret")))
    assert "secret" not in shown


def test_who_waits_is_told_of_the_end(play: Scenario) -> None:
    waiting = play.request(WatchTokens())
    play.ask(Shutdown(status=FinalStatus.SUCCEEDED))
    assert [each.code for each in play.replies(waiting)] == ["ended"]
