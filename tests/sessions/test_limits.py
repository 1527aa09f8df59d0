"""Limits of users, groups, and all."""

from __future__ import annotations

from typing import Any

import pytest

from yarnhub.base.errors import ConfigurationError
from yarnhub.sessions.limits import (
    Held,
    Kind,
    Limit,
    LimitReachedError,
    Limits,
    Scope,
    Size,
    Whom,
    limits_from_settings,
)

GIB = 2**30
KIND = Kind(one="cluster", many="clusters", cores="cores", advice="Shut one down.")
ALICE = Held(owner="alice", groups=frozenset({"ml"}), size=Size(memory=3 * GIB, vcores=3, count=1))
BOB = Held(owner="bob", groups=frozenset({"ml"}), size=Size(memory=GIB, vcores=1, count=2))
ONE = Size(memory=GIB, vcores=1)
GROWTH = Size(memory=GIB, vcores=1, count=0)


def settings(**given: Any) -> Limits:
    empty: dict[str, Any] = {key: {} for key in ("user", "users", "groups", "total")}
    return limits_from_settings(KIND, "YarnBackend", **(empty | given))


def refusal(limits: Limits, owner: str = "alice", size: Size = ONE, **more: Any) -> str:
    try:
        limits.check([ALICE, BOB], owner, frozenset({"ml"}), size, **more)
    except LimitReachedError as error:
        return str(error)
    return ""


def test_the_refusal_names_the_limit_its_use_and_what_to_do() -> None:
    assert refusal(settings(user={"memory": "3 GiB"})) == (
        "This cluster would exceed the limit of the user alice: 3 GiB of 3 GiB in use, and it "
        "needs 1 GiB. Shut one down."
    )
    assert "1 cluster of 1 cluster in use" in refusal(settings(user={"clusters": 1}))
    grown = refusal(settings(user={"cores": 3}), size=GROWTH)
    assert "3 cores of 3 cores in use, and it needs 1 core more." in grown
    assert refusal(settings(user={"cores": 3}), advice="Wait.").endswith("Wait.")


@pytest.mark.parametrize(
    ("limits", "whose"),
    [
        (settings(user={"clusters": 1}, users={"alice": {}}), ""),
        (settings(users={"alice": {"clusters": 1}}), "user alice"),
        (settings(groups={"ml": {"clusters": 3}, "other": {"clusters": 0}}), "group ml"),
        (settings(groups={"ml": {"clusters": 4}}), ""),
        (settings(total={"cores": 4}), "service"),
        (settings(total={"cores": 5}), ""),
    ],
)
def test_whose_limit_applies(limits: Limits, whose: str) -> None:
    text = refusal(limits)
    assert (f"limit of the {whose}:" in text) if whose else not text


def test_a_limit_on_their_number_does_not_keep_one_from_growing() -> None:
    assert not refusal(settings(user={"clusters": 1}), size=GROWTH)


@pytest.mark.parametrize(
    ("limits", "room"),
    [
        (settings(), None),
        (settings(user={"clusters": 1}), None),
        (settings(user={"memory": "8 GiB"}), 5),
        (settings(user={"memory": "8 GiB", "cores": 5}), 2),
        (settings(user={"memory": "8 GiB"}, groups={"ml": {"cores": 5}}), 1),
        (settings(user={"memory": "1 GiB"}), 0),
    ],
)
def test_room_for_more(limits: Limits, room: int | None) -> None:
    assert limits.room([ALICE, BOB], "alice", frozenset({"ml"}), GROWTH) == room


def test_a_limit_of_none_says_so_and_whom_to_ask() -> None:
    assert refusal(settings(users={"alice": {"clusters": 0}})) == (
        "The limit of the user alice is 0 clusters. Ask an administrator for a higher limit."
    )
    assert refusal(settings(groups={"ml": {"memory": 0}})).startswith(
        "The limit of the group ml is 0 MiB. Ask"
    )


def test_a_changed_limit_replaces_the_whole_one_of_the_same_users_and_no_other() -> None:
    configured = settings(
        user={"clusters": 9, "cores": 9}, users={"bob": {"clusters": 8}},
        groups={"ml": {"clusters": 7}}, total={"clusters": 6},
    )  # fmt: skip
    changes = {
        Whom(Scope.EACH_USER): Limit(count=1),
        Whom(Scope.USER, "ml"): Limit(count=2),
        Whom(Scope.GROUP, "bob"): Limit(count=3),
        Whom(Scope.ALL): Limit(),
    }
    changed = configured.changed(changes)
    assert changed.user == Limit(count=1)
    assert changed.users == {"bob": Limit(count=8), "ml": Limit(count=2)}
    assert changed.groups == {"ml": Limit(count=7), "bob": Limit(count=3)}
    assert changed.total == Limit()
    assert configured.changed({}) == configured


STARTS = Kind(
    one="kernel", many="kernels", advice="Shut one down.", started="sessions",
    started_advice="Stop one.",
)  # fmt: skip
CAROL = Held(
    owner="carol",
    groups=frozenset({"ml"}),
    size=Size(memory=2 * GIB, vcores=2, count=2),
    started=Size(memory=10 * GIB, vcores=5, count=0),
)


def test_what_is_started_counts_and_the_refusal_says_so() -> None:
    limits = Limits(
        kind=STARTS,
        user=Limit(memory=12 * GIB, count=2),
        groups={"ml": Limit(vcores=10)},
        total=Limit(memory=12 * GIB),
    )
    carol = frozenset({"ml"})

    def refused(owner: str, size: Size) -> str:
        with pytest.raises(LimitReachedError) as caught:
            limits.check([ALICE, CAROL], owner, carol, size)
        return str(caught.value)

    assert refused("carol", GROWTH) == (
        "This kernel would exceed the limit of the user carol: 12 GiB of 12 GiB in use (your "
        "sessions use 10 GiB), and it needs 1 GiB more. Stop one."
    )
    assert "2 kernels of 2 kernels in use, and it needs 1 kernel. Shut" in refused("carol", ONE)
    assert "the group ml: 10 vcores of 10 vcores in use (sessions use 5 vcores), and" in refused(
        "alice", Size(vcores=1)
    )
    assert "the service: 15 GiB of 12 GiB in use (sessions use 10 GiB), and" in refused(
        "alice", Size(memory=GIB)
    )


def test_what_is_left_is_what_the_closest_limit_leaves() -> None:
    limits = Limits(
        kind=STARTS,
        user=Limit(memory=16 * GIB),
        groups={"ml": Limit(vcores=11), "others": Limit(vcores=0)},
        total=Limit(memory=14 * GIB, count=9),
    )
    held = [ALICE, CAROL]
    assert limits.left(held, "carol", frozenset({"ml"})) == Limit(memory=-GIB, vcores=1, count=6)
    assert Limits(kind=STARTS).left(held, "carol", frozenset()) == Limit()


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"user": {"vcores": 3}}, r"YarnBackend\.user_limit .*'clusters', 'memory' and 'cores'"),
        ({"users": {"bob": 3}}, r"YarnBackend\.user_limits\['bob'\]"),
        ({"groups": {"ml": {"memory": "much"}}}, r"YarnBackend\.group_limits\['ml'\]: "),
        ({"total": {"clusters": True}}, r"YarnBackend\.total_limit: True is not a whole number"),
        ({"total": {"cores": -1}}, r"YarnBackend\.total_limit: -1 is not a whole number"),
    ],
)
def test_an_invalid_setting_is_named(given: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigurationError, match=named):
        settings(**given)


def test_limits_without_settings_are_none() -> None:
    assert settings() == Limits(kind=KIND, user=Limit())
    assert not refusal(settings())
