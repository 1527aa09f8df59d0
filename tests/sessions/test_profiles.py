"""Profiles: what administrators may write, and where they are told that something is wrong."""

from __future__ import annotations

import pytest

from yarnhub.base.errors import ConfigurationError
from yarnhub.sessions.profiles import (
    Listed,
    Option,
    Profile,
    ProfileError,
    parse_profiles,
)

SHELL = ("prologue", "epilogue", "cmd", "script_template")
ALLOWED = {"queue", "mem_limit", "localize_files", *SHELL}


def parse(value: object) -> tuple[Profile, ...]:
    return parse_profiles(value, allowed=ALLOWED)


def test_an_empty_list_is_no_profiles() -> None:
    assert parse([]) == ()


def test_slugs_are_made_of_display_names() -> None:
    names = ["Small", "Ärzte & Co: 2 GPUs!", "日本"]
    assert [each.slug for each in parse([{"display_name": name} for name in names])] == [
        "small",
        "ärzte-co-2-gpus",
        "日本",
    ]


def test_a_mapping_is_taken_in_the_order_of_its_keys() -> None:
    found = parse({"20-big": {"display_name": "Big"}, "10-small": {"display_name": "Small"}})
    assert [each.slug for each in found] == ["small", "big"]


def profile(**rest: object) -> list[dict[str, object]]:
    return [{"display_name": "One", **rest}]


def option(**rest: object) -> list[dict[str, object]]:
    return profile(profile_options={"x": {"display_name": "X", **rest}})


A = {"a": Listed(display_name="A")}


def unlisted(**rest: object) -> list[dict[str, object]]:
    return option(unlisted_choice={"enabled": True, **rest})


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("gpu", r"profile_list: must be a list of profiles, not 'gpu'"),
        ([{}], r"profile_list\[0\]\.display_name: is required"),
        ([{"display_name": "!"}], r"profile_list\[0\]\.display_name: set a name with letters"),
        (profile(slugg="x"), r"\[0\]: unknown key 'slugg'; did you mean 'slug'"),
        (profile(slug="a--b"), r"\[0\]\.slug: must be words"),
        (profile(default="yes"), r"\[0\]\.default: must be true or false"),
        (profile(kubespawner_override={}), r"\[0\]\.kubespawner_override: .* yarn_override"),
        (profile(yarn_override=["queue"]), r"\[0\]\.yarn_override: must be a mapping"),
        (profile(yarn_override={"quue": 1}), r"yarn_override\.quue: .* did you mean 'queue'\?"),
        (profile() * 2, r"\[1\]\.slug: 'one' is also the slug of another"),
        (
            [{"display_name": "A", "default": True}, {"display_name": "B", "default": True}],
            r"profile_list: only one can be the default, not a and b",
        ),
        ({"a": profile()[0], "b": {}}, r"profile_list\.b\.display_name: is required"),
        (option(), r"profile_options\.x: offers nothing"),
        (
            profile(profile_options={"profile": Option(display_name="P", choices=A)}),
            r"profile_options\.profile: is reserved",
        ),
        (option(choices={"a": {}}), r"choices\.a\.display_name: is required"),
        (
            option(choices={"unlisted-choice": {"display_name": "A"}}),
            r"unlisted-choice: is reserved",
        ),
        (
            option(choices={"two": {"display_name": "2", "yarn_override": {"quue": "x"}}}),
            r"profile_list\[0\]\.profile_options\.x\.choices\.two\.yarn_override\.quue: unknown",
        ),
        (
            option(choices={"a": {"display_name": "A", "kubespawner_override": {}}}),
            r"choices\.a\.kubespawner_override: is KubeSpawner's",
        ),
        (
            option(choices={each: {"display_name": each, "default": True} for each in "ab"}),
            r"x\.choices: only one can be the default, not a and b",
        ),
        (unlisted(validation_regex="("), r"unlisted_choice\.validation_regex: is not a regular"),
        (unlisted(yarn_override={"mem_limit": "{size}"}), r"yarn_override: only \{value\}"),
        (unlisted(yarn_override={"mem_limit": "{"}), r"yarn_override: only \{value\}"),
        (unlisted(yarn_override={"mem_limit": "{value!r}"}), r"yarn_override: only \{value\}"),
        (unlisted(yarn_override={"mem_limit": "{value[0]}"}), r"yarn_override: only \{value\}"),
        (unlisted(yarn_override={"mem_limit": "{value:.2}"}), r"yarn_override: only \{value\}"),
        (unlisted(yarn_override={"men_limit": "1"}), r"did you mean 'mem_limit'"),
        (
            unlisted(yarn_override={"localize_files": {"environment": "{value}"}}),
            r"localize_files: a user could name any file that the hub can read",
        ),
    ],
)
def test_mistakes_are_named_with_their_place(value: object, message: str) -> None:
    with pytest.raises(ProfileError, match=message) as caught:
        parse(value)
    assert isinstance(caught.value, ConfigurationError)


def test_files_of_the_users_choice_need_a_pattern() -> None:
    override = {"localize_files": {"environment": "hdfs:///envs/{value}.tar.gz"}}
    with pytest.raises(ProfileError, match="localize_files: a user could name any file"):
        parse(unlisted(yarn_override=override))
    parse(unlisted(yarn_override=override, validation_regex="[a-z]+"))


@pytest.mark.parametrize("name", SHELL)
def test_shell_of_the_users_choice_needs_a_pattern_and_no_quotes(name: str) -> None:
    override = {name: "source envs/{value}/bin/activate"}
    with pytest.raises(ProfileError, match=rf"yarn_override\.{name}: text from a user.*regex"):
        parse(unlisted(yarn_override=override))
    parse(unlisted(yarn_override=override, validation_regex=".*"))
    parse(unlisted(yarn_override={name: "source {{env}}"}))
    with pytest.raises(ProfileError, match=rf"yarn_override\.{name}: write {{value}} without '"):
        parse(unlisted(yarn_override={name: "source '{value}'"}, validation_regex=".*"))


@pytest.mark.parametrize("name", SHELL)
def test_the_shell_sees_one_word(name: str) -> None:
    (found,) = parse(unlisted(yarn_override={name: "echo {value}"}, validation_regex=".*"))
    choice = found.profile_options["x"].unlisted_choice
    assert choice.filled("my-env") == {name: "echo my-env"}
    hostile = str(choice.filled("$(id); {prologue}")[name])
    if name == "script_template":
        hostile = hostile.format(prologue="other")
    assert hostile == "echo '$(id); {prologue}'"


def test_other_settings_have_it_as_it_was_written() -> None:
    (found,) = parse(unlisted(yarn_override={"queue": "a b {value}"}))
    assert found.profile_options["x"].unlisted_choice.filled("c d") == {"queue": "a b c d"}
