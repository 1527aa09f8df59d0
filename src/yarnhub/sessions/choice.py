"""Which of the profiles a user has chosen; no I/O.

A user's options are never trusted: `choose` only gives what a profile contains.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from yarnhub.base.errors import YarnhubError
from yarnhub.sessions.profiles import PROFILE, WRITTEN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from yarnhub.sessions.profiles import Option, Overrides, Profile


class ChoiceError(YarnhubError):
    """What a user has chosen is not offered; the message lists what is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What a user has chosen.

    Attributes:
        layers: Values of settings, each over those before.
        user_options: What chooses the same again.
        written: The settings that the user has written something of.
    """

    display_name: str = ""
    slug: str = ""
    layers: Sequence[Overrides] = ()
    user_options: Mapping[str, str] = field(default_factory=dict)
    written: frozenset[str] = frozenset()

    def over(self, settings: object) -> dict[str, object]:
        """The settings that it sets: mappings are merged into those before, where None removes.

        Args:
            settings: Has those before as attributes; a value that can be called is given by
                calling it with this.
        """
        values: dict[str, object] = {}
        for layer in self.layers:
            for name, given in layer.items():
                value = given(settings) if callable(given) else given
                before = values[name] if name in values else getattr(settings, name)
                values[name] = _merged(before, value)
        return values


def default_profile(profiles: Sequence[Profile]) -> Profile:
    """The profile of a user who has chosen none: the first if none is the default."""
    return next((each for each in profiles if each.default), profiles[0])


def choose(profiles: Sequence[Profile], user_options: Mapping[str, object]) -> Choice:
    """What a user's options choose, be they from the form, a link, a request or saved.

    Args:
        profiles: What is offered; at least one.
        user_options: Whatever the user sent.

    Raises:
        ChoiceError: Something of them is not offered, or was none of a profile's.
    """
    for name, value in user_options.items():
        if not isinstance(value, str):
            raise ChoiceError(f"The option {_short(name)} has to be one text.")
    wanted = cast("dict[str, str]", dict(user_options))  # just seen
    profile = _profile(profiles, wanted.pop(PROFILE, None))
    layers = [profile.yarn_override]
    chosen = {PROFILE: profile.slug} if profile.slug else {}
    taken: frozenset[str] = frozenset()
    for key, option in profile.profile_options.items():
        listed, written = wanted.pop(key, None), wanted.pop(key + WRITTEN, None)
        if written is not None:
            if listed is not None:
                raise ChoiceError(f"{option.display_name}: choose one, or write one, not both.")
            layers.append(_written(option, written))
            taken |= option.unlisted_choice.takes
            chosen[key + WRITTEN] = written
            continue
        picked = option.default if listed is None else listed
        if picked is not None:  # a value that is written has no default
            layers.append(_listed(option, picked))
            chosen[key] = picked
    if wanted:
        offered = _words(profile.profile_options) if profile.profile_options else "no options"
        raise ChoiceError(
            f"There is no option {_short(next(iter(wanted)))}; this profile has {offered}."
        )
    return Choice(
        display_name=profile.display_name,
        slug=profile.slug,
        layers=tuple(layers),
        user_options=chosen,
        written=taken,
    )


def _profile(profiles: Sequence[Profile], slug: str | None) -> Profile:
    if slug is None:
        return default_profile(profiles)
    named = {each.slug: each for each in profiles if each.slug}
    if slug not in named:
        raise ChoiceError(f"There is no profile {_short(slug)}; choose one of {_words(named)}.")
    return named[slug]


def _listed(option: Option, name: str) -> Overrides:
    if name not in option.choices:
        raise ChoiceError(
            f"{option.display_name}: {_short(name)} is not offered; choose one of "
            f"{_words(option.choices)}."
        )
    return option.choices[name].yarn_override


def _written(option: Option, value: str) -> Overrides:
    if not option.unlisted_choice.enabled:
        raise ChoiceError(
            f"{option.display_name}: choose one of {_words(option.choices)}; others are not taken."
        )
    if refusal := option.unlisted_choice.refusal(value):
        raise ChoiceError(f"{option.display_name}: {_short(value)} is not taken: {refusal}.")
    return option.unlisted_choice.filled(value)


def _short(value: str) -> str:
    return repr(value if len(value) <= 60 else f"{value[:60]}...")


def _words(names: Mapping[str, object]) -> str:
    return ", ".join(map(repr, names)) or "those that are offered"


def _merged(before: object, value: object) -> object:
    if not isinstance(before, Mapping) or not isinstance(value, Mapping):
        return value
    merged = dict(before)
    for key, each in value.items():
        if each is None:
            merged.pop(key, None)
        else:
            merged[key] = _merged(merged.get(key), each)
    return merged
