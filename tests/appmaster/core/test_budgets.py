"""What a container does has a bound, and a request beyond it is refused in words."""

from __future__ import annotations

import pytest

from appmaster.core.scenario import Scenario, application, service
from yarnhub.appmaster.core.budgets import Budgets
from yarnhub.control.messages import (
    AddContainer,
    AddPage,
    DeleteKey,
    GetContainers,
    GetKey,
    GetKeys,
    KeyRange,
    ListKeys,
    Nothing,
    Page,
    PutKey,
    Scale,
    Transaction,
    UpdateTokens,
    WaitKey,
    WatchKeys,
)
from yarnhub.hadoop.wire.tokens import Token, TokenStorage

TIGHT = Budgets(
    answer=100,
    waiting=2,
    keys=3,
    key_bytes=200,
    operations=3,
    instances=2,
    ended=2,
    env=10,
    pages=1,
    token_bytes=200,
)


@pytest.fixture
def play() -> Scenario:
    play = Scenario(application(a=service(max_restarts=-1)), TIGHT)
    play.start()
    return play


def test_no_more_keys_than_fit(play: Scenario) -> None:
    for name in "abc":
        play.ask(PutKey(key=name, value=b""))
    failure = play.refusal(PutKey(key="d", value=b""))
    assert failure.code == "full"
    assert failure.message == "the key-value store holds 3 keys, no more fit: delete some"
    play.ask(PutKey(key="a", value=b"another value"))
    play.ask(DeleteKey(key="a"))
    play.ask(PutKey(key="d", value=b""))


def test_no_more_bytes_than_fit(play: Scenario) -> None:
    play.ask(PutKey(key="a", value=bytes(150)))
    failure = play.refusal(PutKey(key="b", value=bytes(50)))
    assert failure.code == "full"
    assert "holds 151 bytes of the 200 that fit, 51 more do not" in failure.message
    play.ask(PutKey(key="a", value=bytes(100)))  # in the place of a larger one
    play.ask(PutKey(key="b", value=bytes(50)))
    assert play.refusal(PutKey(key="c" * 60, value=b"")).code == "full"


def test_a_transaction_that_does_not_fit_changes_nothing(play: Scenario) -> None:
    puts = tuple(PutKey(key=name, value=bytes(90)) for name in "abc")
    assert play.refusal(Transaction(on_success=puts)).code == "full"
    assert play.ask(ListKeys()).keys == ()
    assert play.application.keys.size == 0
    play.ask(Transaction(on_success=puts[:2]))


def test_no_answer_is_longer_than_it_may_be(play: Scenario) -> None:
    for name in "ab":
        play.ask(PutKey(key=name, value=bytes(60)))
    assert "ask for a narrower range" in play.refusal(GetKeys()).message
    assert len(play.ask(GetKeys(range=KeyRange(end="b"))).entries) == 1
    # Nor is one that repeats a short one.
    repeated = Transaction(on_success=(GetKey(key="a"),) * 2)
    assert play.refusal(repeated).code == "full"


def test_a_transaction_has_so_many_parts(play: Scenario) -> None:
    assert play.refusal(Transaction(on_success=(ListKeys(),) * 4)).code == "invalid"
    assert play.refusal(WatchKeys(ranges=(KeyRange(),) * 4)).code == "invalid"


def test_only_so_many_wait(play: Scenario) -> None:
    first, second = (play.request(WaitKey(key="k")) for _ in range(2))
    assert play.refusal(WaitKey(key="k")).code == "full"
    play.ask(PutKey(key="k", value=b""))
    assert play.replies(first)
    assert play.replies(second)


def test_no_more_instances_than_allowed(play: Scenario) -> None:
    play.ask(AddContainer(service="a"))
    assert play.refusal(AddContainer(service="a")).message == (
        "a service has 2 active instances at most"
    )
    assert play.refusal(Scale(service="a", delta=1)).code == "invalid"
    play.ask(Scale(service="a", count=2))
    assert play.states() == ["REQUESTED"] * 2


def test_an_environment_is_no_store(play: Scenario) -> None:
    failure = play.refusal(AddContainer(service="a", env={"A": "x" * 20}))
    assert failure.message == "env has 21 bytes, an instance's may have 10 at most"


def test_no_more_pages_than_allowed(play: Scenario) -> None:
    page = Page(route="one", target="http://host:1")
    assert play.ask(AddPage(page=page)) == Nothing()
    assert play.refusal(AddPage(page=Page(route="two", target="http://host:2"))).code == "full"


def test_no_more_tokens_than_fit(play: Scenario) -> None:
    token = Token(identifier=bytes(300), password=b"", kind="k", service="s")
    given = TokenStorage(tokens={"one": token}).write()
    assert play.refusal(UpdateTokens(tokens=given)).code == "full"
    assert play.application.tokens.latest.tokens == b""


def test_what_a_program_wrote_at_its_end_is_cut(play: Scenario) -> None:
    (given,) = play.allocate("a")
    play.complete(given, 1, "x" * 5_000_000)
    (failed, _) = play.ask(GetContainers(states=None)).containers
    assert len(failed.exit_message) < 5000


def test_of_what_has_ended_the_latest_is_kept_and_all_is_counted(play: Scenario) -> None:
    for code in (1, 1, 0):
        (given,) = play.allocate("a")
        play.complete(given, code)
        if code == 0:
            break
    assert play.states() == ["FAILED", "SUCCEEDED"]
    numbers = [each.number for each in play.application.services["a"].instances]
    assert numbers == [1, 2]
