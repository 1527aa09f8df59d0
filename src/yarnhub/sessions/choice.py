"""The profile that a user has chosen; no I/O.

A user's options are never trusted: `choose` only returns what a profile contains.
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
    """The user's choice is not offered; the message lists what is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What a user has chosen.

    Attributes:
        layers: Values of settings; later ones override earlier ones.
        user_options: The options that lead to the same choice.
        written: The settings that contain text from the user.
    """

    display_name: str = ""
    slug: str = ""
    layers: Sequence[Overrides] = ()
    user_options: Mapping[str, str] = field(default_factory=dict)
    written: frozenset[str] = frozenset()

    def over(self, settings: object) -> dict[str, object]:
        """The settings that it sets; mappings are merged into earlier ones, and None removes a key.

        Args:
            settings: Has the earlier values as attributes; a value that is callable is called with
                this object.
        """
        values: dict[str, object] = {}
        for layer in self.layers:
            for name, given in layer.items():
                value = given(settings) if callable(given) else given
                before = values[name] if name in values else getattr(settings, name)
                values[name] = _merged(before, value)
        return values


def default_profile(profiles: Sequence[Profile]) -> Profile:
    """The profile if the user has chosen none: the default one, or else the first."""
    return next((each for each in profiles if each.default), profiles[0])


def choose(profiles: Sequence[Profile], user_options: Mapping[str, object]) -> Choice:
    """The choice in a user's options, whether from the form, a link, a request or the database.

    Args:
        profiles: The offered profiles; at least one.
        user_options: What the user sent; not trusted.

    Raises:
        ChoiceError: An option or value is not offered by the profile.
    """
    for name, value in user_options.items():
        if not isinstance(value, str):
            raise ChoiceError(f"The option {_short(name)} must be a single text.")
    wanted = cast("dict[str, str]", dict(user_options))  # checked above
    profile = _profile(profiles, wanted.pop(PROFILE, None))
    layers = [profile.yarn_override]
    chosen = {PROFILE: profile.slug} if profile.slug else {}
    taken: frozenset[str] = frozenset()
    for key, option in profile.profile_options.items():
        listed, written = wanted.pop(key, None), wanted.pop(key + WRITTEN, None)
        if written is not None:
            if listed is not None:
                raise ChoiceError(f"{option.display_name}: choose a value or enter one, not both.")
            layers.append(_written(option, written))
            taken |= option.unlisted_choice.takes
            chosen[key + WRITTEN] = written
            continue
        picked = option.default if listed is None else listed
        if picked is not None:  # a value that is written has no default
            layers.append(_listed(option, picked))
            chosen[key] = picked
    if wanted:
        options = profile.profile_options
        offered = f"; its options are {_words(options)}" if options else ""
        raise ChoiceError(f"The profile has no option {_short(next(iter(wanted)))}{offered}.")
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
        raise ChoiceError(
            f"The profile {_short(slug)} does not exist; choose one of {_words(named)}."
        )
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
            f"{option.display_name}: choose one of {_words(option.choices)}; "
            "others are not accepted."
        )
    if refusal := option.unlisted_choice.refusal(value):
        raise ChoiceError(f"{option.display_name}: {_short(value)} is not accepted: {refusal}.")
    return option.unlisted_choice.filled(value)


def _short(value: str) -> str:
    return repr(value if len(value) <= 60 else f"{value[:60]}...")


def _words(names: Mapping[str, object]) -> str:
    return ", ".join(map(repr, names)) or "the offered ones"


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
