"""The page on which users choose a profile and its options; only reads its template.

Its fields have the same names as in KubeSpawner's form. It works without JavaScript: it then shows
the options of all profiles, and the options of the selected profile apply.
"""

from __future__ import annotations

from functools import lru_cache
from importlib import resources
from typing import TYPE_CHECKING

from jinja2 import Environment, StrictUndefined, Template

from yarnhub.base.foreign_text import quoted
from yarnhub.sessions.choice import ChoiceError, choose, default_profile
from yarnhub.sessions.profiles import PROFILE, UNLISTED, WRITTEN
from yarnhub.sessions.queues import OnlyConfigured
from yarnhub.yarn.queues.usable import Use

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from yarnhub.sessions.profiles import Option, Profile
    from yarnhub.sessions.queues import QueueChoice
    from yarnhub.yarn.queues.usable import Room

_PREFIX = "profile-option-"
_OTHERS = frozenset({"_xsrf"})
"""Fields that the hub adds."""
_ONLY_CONFIGURED = {
    OnlyConfigured.NONE_USABLE: "you cannot submit to any queue",
    OnlyConfigured.NO_ANSWER: "YARN does not respond, so other queues are not shown",
}


def render_form(
    profiles: Sequence[Profile], chosen: Mapping[str, object], *, linked: bool = False
) -> str:
    """The fields, as HTML with all text from profiles escaped; empty without a choice.

    If a saved choice is no longer valid, the page is shown without it.

    Args:
        profiles: The offered profiles, with queues; at least one.
        chosen: The user's earlier choice; parts that are no longer offered are ignored.
        linked: Whether the choice comes from a link, which anyone may have written.
    """
    if not _has_choice(profiles) and _is_offered(profiles, chosen):
        return ""
    slugs = [each.slug for each in profiles]
    slug = chosen.get(PROFILE)
    picked = slug if slug in slugs else default_profile(profiles).slug
    return _template().render(
        profiles=profiles,
        picked=picked,
        linked=linked,
        prefix=_prefix,
        written=WRITTEN,
        unlisted=UNLISTED,
        # A choice in one profile does not apply to an option of the same name in another.
        selected=lambda profile, key, option: _selected(
            key, option, chosen if profile.slug == picked else {}
        ),
    )


def options_from_form(form: Mapping[str, Sequence[object]]) -> dict[str, str]:
    """The options in a form, for `choose`; fields of other profiles are ignored.

    Raises:
        ChoiceError: A field is a file, or was sent twice.
    """
    sent = {name: _one(name, values) for name, values in form.items() if name not in _OTHERS}
    prefix = _prefix(sent.get(PROFILE, ""))
    options = {
        name.removeprefix(prefix): value
        for name, value in sent.items()
        if (prefix and name.startswith(prefix)) or not name.startswith(_PREFIX)
    }
    for written in [name for name in options if name.endswith(WRITTEN)]:
        key = written.removesuffix(WRITTEN)
        # Without JavaScript, both fields are sent, and the selected choice determines which
        # applies.
        if options.get(key) == UNLISTED:
            del options[key]
        elif key in options or not options[written]:
            del options[written]
    return options


def queue_label(queue: QueueChoice) -> str:
    """The label of a queue: its name, and how much of it is free, if known."""
    words = (
        _ONLY_CONFIGURED[queue.why_only_configured]
        if queue.why_only_configured
        else _room(queue.room)
    )
    return f"{queue.name} ({words})" if words else queue.name


def _room(room: Room) -> str:
    match room.use:
        case Use.UNKNOWN:
            return ""
        case Use.FREE:
            return f"{round(room.free * 100)} % free"
        case Use.USED_UP:
            return "its capacity is in use"
        case Use.BORROWING:
            return "its capacity is in use; it borrows free capacity of other queues"
        case Use.FULL:
            return "full"


def _prefix(slug: str) -> str:
    return f"{_PREFIX}{slug}--" if slug else ""


def _one(name: str, values: Sequence[object]) -> str:
    if len(values) != 1 or not isinstance(values[0], str):
        raise ChoiceError(f"The field {quoted(name)} must be sent once, as text.")
    return values[0]


def _has_choice(profiles: Sequence[Profile]) -> bool:
    options = [each for profile in profiles for each in profile.profile_options.values()]
    return len(profiles) > 1 or any(
        each.unlisted_choice.enabled or len(each.choices) > 1 for each in options
    )


def _is_offered(profiles: Sequence[Profile], chosen: Mapping[str, object]) -> bool:
    try:
        choose(profiles, chosen)
    except ChoiceError:
        return False
    return True


def _selected(key: str, option: Option, chosen: Mapping[str, object]) -> tuple[object, object]:
    """The selected choice, and the value that the user has entered."""
    written = chosen.get(key + WRITTEN)
    if option.unlisted_choice.enabled and isinstance(written, str):
        return UNLISTED, written
    name = chosen.get(key)
    return (name if name in option.choices else option.default), ""


@lru_cache(maxsize=1)
def _template() -> Template:
    text = resources.files(__package__).joinpath("options_form.html").read_text("utf-8")
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(text)
