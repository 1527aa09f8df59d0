"""Choices: users get nothing but what is offered."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yarnhub.base.errors import YarnhubError
from yarnhub.sessions.choice import Choice, ChoiceError, choose
from yarnhub.sessions.profiles import Profile, parse_profiles
from yarnhub.sessions.queues import QueueChoice, with_queues

ALLOWED = {"queue", "mem_limit", "cpu_limit", "resource_types", "environment", "localize_files"}
LIST = [
    {"display_name": "Small", "description": "For looking around."},
    {
        "display_name": "With a GPU",
        "slug": "gpu",
        "default": True,
        "yarn_override": {"queue": "gpus", "environment": {"KIND": "gpu", "DEBUG": None}},
        "profile_options": {
            "count": {
                "display_name": "GPUs",
                "choices": {
                    "one": {
                        "display_name": "1",
                        "yarn_override": {"resource_types": {"yarn.io/gpu": 1}},
                    },
                    "two": {
                        "display_name": "2",
                        "default": True,
                        "yarn_override": {
                            "resource_types": {"yarn.io/gpu": 2},
                            "environment": {"KIND": "gpus"},
                        },
                    },
                },
            },
            "memory": {
                "display_name": "Memory",
                "choices": {"little": {"display_name": "2 GB"}},
                "unlisted_choice": {
                    "enabled": True,
                    "validation_regex": "[1-9][0-9]?",
                    "validation_message": "1 to 99, in GiB",
                    "yarn_override": {
                        "mem_limit": "{value} G",
                        "environment": {"MEMORY": "{value} of {{99}}"},
                    },
                },
            },
        },
    },
]


def parse(value: object = LIST) -> tuple[Profile, ...]:
    return parse_profiles(value, allowed=ALLOWED)


def test_who_says_nothing_gets_the_defaults() -> None:
    choice = choose(parse(), {})
    assert (choice.display_name, choice.slug) == ("With a GPU", "gpu")
    assert choice.user_options == {"profile": "gpu", "count": "two", "memory": "little"}
    assert choose(parse([{"display_name": "One"}]), {}).slug == "one"


def test_without_profiles_there_is_nothing_to_choose() -> None:
    offered = with_queues((), (), label)
    assert choose(offered, {}) == Choice(layers=({},))
    with pytest.raises(ChoiceError, match="no option 'x'"):
        choose(offered, {"x": "1"})


def test_a_choice_is_laid_over_the_spawner() -> None:
    wanted = {"profile": "gpu", "count": "one", "memory--unlisted-choice": "8"}
    choice = choose(parse(), wanted)
    spawner = SimpleNamespace(
        queue="default",
        mem_limit=1,
        resource_types={"fpga": 1},
        environment={"DEBUG": "1", "LANG": "C"},
    )
    assert choice.over(spawner) == {
        "queue": "gpus",
        "mem_limit": "8 G",
        "resource_types": {"fpga": 1, "yarn.io/gpu": 1},
        "environment": {"KIND": "gpu", "LANG": "C", "MEMORY": "8 of {99}"},
    }
    assert spawner.environment == {"DEBUG": "1", "LANG": "C"}
    assert choice.user_options == wanted


def test_later_layers_win_and_none_removes() -> None:
    choice = Choice(
        layers=(
            {"environment": {"A": "1", "nested": {"x": 1}}},
            {"environment": {"A": None, "B": "2", "nested": {"y": 2}}, "cpu_limit": None},
        )
    )
    assert choice.over(SimpleNamespace(environment={"C": "3"}, cpu_limit=1)) == {
        "environment": {"B": "2", "C": "3", "nested": {"x": 1, "y": 2}},
        "cpu_limit": None,
    }


def test_a_value_may_be_made_of_the_spawner() -> None:
    spawner = SimpleNamespace(queue="default", user="alice")
    choice = Choice(layers=({"queue": lambda asked: f"users.{asked.user}"},))
    assert choice.over(spawner) == {"queue": "users.alice"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"profile": "gpus"}, r"profile 'gpus' does not exist; choose one of 'small', 'gpu'\."),
        ({"profile": ["gpu"]}, r"'profile' must be a single text"),
        ({"profile": "small", "count": "two"}, r"no option 'count'\."),
        ({"queue": "root"}, r"no option 'queue'; its options are 'count', 'memory'"),
        ({"count": "three"}, r"GPUs: 'three' is not offered; choose one of 'one', 'two'\."),
        ({"count": 2}, r"'count' must be a single text"),
        ({"count": "unlisted-choice"}, r"GPUs: 'unlisted-choice' is not offered"),
        ({"count--unlisted-choice": "3"}, r"GPUs: .*others are not accepted"),
        ({"memory--unlisted-choice": "100"}, r"Memory: '100' is not accepted: 1 to 99, in GiB\."),
        ({"memory--unlisted-choice": "8\n"}, r"cannot be printed"),
        ({"memory--unlisted-choice": "8 "}, r"1 to 99"),
        ({"memory--unlisted-choice": ""}, r"enter a value"),
        ({"memory--unlisted-choice": "9" * 1001}, r"longer than 1000"),
        ({"memory--unlisted-choice": 8}, r"must be a single text"),
        ({"memory": "little", "memory--unlisted-choice": "8"}, r"not both"),
        ({"x" * 200: "1"}, r"no option 'x{60}\.\.\.'"),
    ],
)
def test_what_is_not_offered_is_refused_in_words(options: dict[str, object], message: str) -> None:
    with pytest.raises(ChoiceError, match=message) as caught:
        choose(parse(), options)
    assert isinstance(caught.value, YarnhubError)


WORDS = st.sampled_from(
    [
        *("profile", "gpu", "small", "count", "one", "two", "memory", "little", "8", "queue"),
        *("unlisted-choice", "memory--unlisted-choice", "count--unlisted-choice", "mem_limit"),
    ]
)


@given(st.dictionaries(WORDS | st.text(), WORDS | st.text() | st.integers() | st.none()))
def test_nothing_is_given_that_no_profile_holds(options: dict[str, object]) -> None:
    profiles = parse()
    try:
        choice = choose(profiles, options)
    except ChoiceError:
        return
    held = [override for each in profiles for _, override in each.overrides]
    written = choice.user_options.get("memory--unlisted-choice")
    if written is not None:
        held.append(profiles[1].profile_options["memory"].unlisted_choice.filled(written))
        assert written.isdecimal()
        assert len(written) < 3
    assert all(layer in held for layer in choice.layers)
    assert choose(profiles, choice.user_options) == choice


# --- queues

QUEUES = (QueueChoice(name="default"), QueueChoice(name="fruit", default=True))


def label(queue: QueueChoice) -> str:
    return f"queue {queue.name}"


def test_queues_are_an_option_of_profiles_that_do_not_say_theirs() -> None:
    small, gpu = with_queues(parse(), QUEUES, label)
    assert list(gpu.profile_options) == ["count", "memory"]
    queue = small.profile_options["queue"]
    assert [each.display_name for each in queue.choices.values()] == [
        "queue default",
        "queue fruit",
    ]
    assert queue.default == "fruit"
    (_, layer) = choose((small, gpu), {"profile": "small", "queue": "default"}).layers
    assert layer == {"queue": "default"}
    with pytest.raises(ChoiceError, match="Queue: 'gpus' is not offered"):
        choose((small, gpu), {"profile": "small", "queue": "gpus"})


def test_without_profiles_there_are_the_queues_alone() -> None:
    offered = with_queues((), QUEUES, label)
    choice = choose(offered, {})
    assert choice.user_options == {"queue": "fruit"}
    with pytest.raises(ChoiceError, match=r"profile '.*' does not exist"):
        choose(offered, {"profile": ""})


def test_without_queues_nothing_is_added() -> None:
    assert with_queues(parse(), (), label) == parse()
