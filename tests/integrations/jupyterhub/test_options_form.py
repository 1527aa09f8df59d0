"""The form: readable HTML of whatever profiles say, and back again what was sent."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from markupsafe import Markup

from yarnhub.integrations.jupyterhub.options_form import options_from_form, queue_label, render_form
from yarnhub.sessions.choice import ChoiceError, choose
from yarnhub.sessions.profiles import Profile, parse_profiles
from yarnhub.sessions.queues import OnlyConfigured, QueueChoice, with_queues
from yarnhub.yarn.queues.usable import Room, Use

HOSTILE = "\"'><script>alert(1)</script>&{{ 7 * 7 }}"
QUEUES = (QueueChoice(name="default", default=True), QueueChoice(name="fruit"))


def two_profiles(text: str = "Text") -> tuple[Profile, ...]:
    return parse_profiles(
        [
            {"display_name": "Small"},
            {
                "display_name": text,
                "slug": "big",
                "description": text,
                "default": True,
                "profile_options": {
                    "image": {
                        "display_name": text,
                        "choices": {"a": {"display_name": text}, text: {"display_name": "B"}},
                        "unlisted_choice": {
                            "enabled": True,
                            "display_name": text,
                            "display_name_in_choices": text,
                            "validation_regex": "[a-z\"'<>]+",
                            "validation_message": text,
                        },
                    },
                    "cores": {"display_name": "Cores", "unlisted_choice": {"enabled": True}},
                },
            },
        ],
        allowed={"queue"},
    )


class Page(HTMLParser):
    """A page as a browser without a script sees it: its fields and what is filled in."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.sent: dict[str, list[str]] = {}
        self.fields: set[str] = set()
        self.labels: set[str] = set()
        self.tags: list[str] = []
        self._select = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.tags.append(tag)
        if tag in ("input", "select"):
            self.fields.add(found["id"])
        if tag == "label":
            self.labels.add(found["for"])
        if tag == "select":
            self._select = found["name"]
        elif tag == "option" and "selected" in found:
            self.sent[self._select] = [found["value"]]
        elif tag == "input" and (found["type"] == "text" or "checked" in found):
            self.sent[found["name"]] = [found["value"]]


def test_every_field_has_a_label_and_groups_have_legends() -> None:
    page = Page(render_form(with_queues(two_profiles(), QUEUES, queue_label), {}))
    assert len(page.fields) == 7
    assert page.fields == page.labels
    assert page.tags.count("fieldset") == page.tags.count("legend") == 3


def test_whatever_profiles_say_is_only_text() -> None:
    plain = Page(render_form(two_profiles(), {}))
    hostile = render_form(
        two_profiles(HOSTILE), {"profile": "big", "image--unlisted-choice": HOSTILE}
    )
    assert Page(hostile).tags == plain.tags
    assert "<script>alert" not in hostile
    assert "{{ 7 * 7 }}" in hostile
    assert Page(hostile).sent["profile-option-big--image--unlisted-choice"] == [HOSTILE]


def test_markup_is_the_administrators_word() -> None:
    described = {"display_name": "A", "description": Markup("<em>new</em>")}
    offered = parse_profiles([described, {"display_name": "B"}], allowed=())
    assert "<em>new</em>" in render_form(offered, {})


@pytest.mark.parametrize(
    "chosen",
    [
        {"profile": "big", "image": "Text", "queue": "fruit"},
        {"profile": "big", "image--unlisted-choice": "mine", "queue": "default"},
        {"profile": "big", "image": "a", "cores--unlisted-choice": "8", "queue": "default"},
        {"profile": "small", "queue": "fruit"},
    ],
)
def test_what_was_chosen_comes_back_from_an_untouched_form(chosen: dict[str, str]) -> None:
    offered = with_queues(two_profiles(), QUEUES, queue_label)
    assert choose(offered, chosen).user_options == chosen
    page = Page(render_form(offered, chosen))
    assert options_from_form({**page.sent, "_xsrf": ["token"]}) == chosen


@pytest.mark.parametrize(
    "chosen",
    [{}, {"profile": "gone"}, {"profile": 5, "x": None}, {"profile": "big", "image": "gone"}],
)
def test_what_is_offered_no_more_gives_way_to_the_defaults(chosen: dict[str, object]) -> None:
    page = Page(render_form(two_profiles(), chosen))
    assert options_from_form(page.sent) == {"profile": "big", "image": "a"}


def test_choices_of_one_profile_are_not_those_of_another() -> None:
    twice = parse_profiles(
        [
            {
                "display_name": name,
                "profile_options": {
                    "n": {
                        "display_name": "N",
                        "choices": {each: {"display_name": each} for each in "123"},
                    }
                },
            }
            for name in ("A", "B")
        ],
        allowed=(),
    )
    sent = Page(render_form(twice, {"profile": "b", "n": "3"})).sent
    assert sent == {
        "profile": ["b"],
        "profile-option-a--n": ["1"],
        "profile-option-b--n": ["3"],
    }


def test_without_profiles_only_the_queue_is_asked_for() -> None:
    page = Page(render_form(with_queues((), QUEUES, queue_label), {"queue": "fruit"}))
    assert page.sent == {"queue": ["fruit"]}
    assert options_from_form(page.sent) == {"queue": "fruit"}
    assert "fieldset" not in page.tags


def test_nothing_is_asked_for_where_nothing_is_to_choose() -> None:
    one = with_queues((), QUEUES[:1], queue_label)
    assert render_form(one, {}) == ""
    assert render_form(one, {"queue": "default"}) == ""
    # Saved once, and refused now: without the page its user could not choose anew.
    assert Page(render_form(one, {"queue": "gone"})).sent == {"queue": ["default"]}
    none = with_queues((), (), queue_label)
    assert render_form(none, {}) == ""
    assert Page(render_form(none, {"profile": "gone"})).sent == {}


@pytest.mark.parametrize(
    ("form", "options"),
    [
        ({}, {}),
        ({"queue": ["q"]}, {"queue": "q"}),
        ({"profile": ["a"], "profile-option-b--x": ["1"]}, {"profile": "a"}),
        ({"profile-option-b--x": ["1"]}, {}),
        ({"profile": ["a"], "mem_limit": ["1 T"]}, {"profile": "a", "mem_limit": "1 T"}),
        ({"x--unlisted-choice": ["mine"]}, {"x--unlisted-choice": "mine"}),
        ({"x": ["unlisted-choice"], "x--unlisted-choice": [""]}, {"x--unlisted-choice": ""}),
        ({"x": ["a"], "x--unlisted-choice": ["mine"]}, {"x": "a"}),
    ],
)
def test_fields_that_count(form: dict[str, list[object]], options: dict[str, str]) -> None:
    assert options_from_form(form) == options


@pytest.mark.parametrize("values", [[], ["a", "b"], [{"filename": "x"}]])
def test_files_and_repeated_fields_are_refused(values: list[object]) -> None:
    with pytest.raises(ChoiceError, match="'x' must be sent once, as text"):
        options_from_form({"x": values})


@pytest.mark.parametrize(
    ("room", "words"),
    [
        (Room(Use.FREE, 1.0), "root.q (100 % free)"),
        (Room(Use.FREE, 0.4), "root.q (40 % free)"),
        (
            Room(Use.BORROWING),
            "root.q (its capacity is in use; it borrows free capacity of other queues)",
        ),
        (Room(Use.FULL), "root.q (full)"),
        (Room(Use.USED_UP), "root.q (its capacity is in use)"),
        (Room(Use.UNKNOWN), "root.q"),
    ],
)
def test_how_free_a_queue_is(room: Room, words: str) -> None:
    assert queue_label(QueueChoice(name="root.q", room=room)) == words


@pytest.mark.parametrize(
    ("why", "words"),
    [
        (OnlyConfigured.NONE_USABLE, "default (you cannot submit to any queue)"),
        (
            OnlyConfigured.NO_ANSWER,
            "default (YARN does not respond, so other queues are not shown)",
        ),
    ],
)
def test_why_no_other_queue_is_offered(why: OnlyConfigured, words: str) -> None:
    assert queue_label(QueueChoice(name="default", why_only_configured=why)) == words
