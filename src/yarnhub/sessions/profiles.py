"""Profiles: what an administrator offers to users; no I/O.

The format is KubeSpawner 7.1's, with `yarn_override` instead of `kubespawner_override`.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from string import Formatter
from typing import TYPE_CHECKING, ClassVar

from yarnhub.base.errors import ConfigurationError, SpecError
from yarnhub.base.foreign_text import compiled
from yarnhub.sessions.shell_quoting import PLACE, why_unsafe
from yarnhub.spec import _reading as read

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

UNLISTED = "unlisted-choice"
"""The choice that means a value that the user enters."""
WRITTEN = f"--{UNLISTED}"
"""The suffix of an option's name if the user has entered its value."""
PROFILE = "profile"

_LONGEST = 1000
"""The maximum number of characters of a value: matching a long one can take long."""
_NAME = read.matching(
    r"\w+(?:[-.]\w+)*", "words of letters and digits, with single dashes or dots between them"
)
_TEMPLATE = "script_template"
_SHELL = frozenset({"prologue", "epilogue", "cmd", _TEMPLATE})
_DANGERS = {
    "localize_files": "a user could name any file that the hub can read",
    **dict.fromkeys(_SHELL, "text from a user, or the author of a link, would reach a shell"),
}
"""Settings that accept a user's value only if it matches a pattern, and why."""

Overrides = Mapping[str, object]


class ProfileError(ConfigurationError):
    """A list of profiles is not valid; the message names the place."""


def _overrides(value: object) -> Overrides:
    return dict(read.as_mapping(value))


def _pattern(value: object) -> str:
    try:
        compiled(read.text(value))
    except ValueError as error:
        raise SpecError("", f"is not a regular expression: {error}") from error
    return read.text(value)


class _Document(read.Element):
    """A part of the list that can override settings."""

    __slots__ = ()

    @classmethod
    def _expand(cls, data: object) -> object:
        if isinstance(data, Mapping) and "kubespawner_override" in data:
            raise SpecError("kubespawner_override", "is KubeSpawner's name; use yarn_override")
        return data


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed(_Document):
    """One choice of an option."""

    display_name: str
    default: bool = False
    yarn_override: Overrides = field(default_factory=dict)

    checks: ClassVar[read.Checks] = {
        "display_name": read.filled,
        "default": read.flag,
        "yarn_override": _overrides,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlisted(_Document):
    """A value that the user enters; it replaces `{value}` in the strings of the override.

    Attributes:
        validation_regex: The whole value must match it; empty accepts any value.
        validation_message: The message if it does not match.
    """

    enabled: bool = False
    display_name: str = "Other"
    display_name_in_choices: str = "Other..."
    validation_regex: str = ""
    validation_message: str = ""
    yarn_override: Overrides = field(default_factory=dict)

    checks: ClassVar[read.Checks] = {
        "enabled": read.flag,
        "display_name": read.filled,
        "display_name_in_choices": read.filled,
        "validation_regex": _pattern,
        "validation_message": read.text,
        "yarn_override": _overrides,
    }

    def _check(self) -> None:
        with read.at("yarn_override"):
            for name, template in self.yarn_override.items():
                try:
                    texts = list(_texts(_filled(template, PLACE)))
                except (LookupError, ValueError) as error:
                    raise SpecError(
                        "", f"only {{value}} is replaced ({error!r}); write {{{{ for a brace"
                    ) from error
                if any(PLACE in each for each in texts):
                    with read.at(name):
                        self._check_use(name, " ".join(texts))

    @property
    def takes(self) -> frozenset[str]:
        """The settings that the user's value becomes a part of."""
        return frozenset(
            name
            for name, template in self.yarn_override.items()
            if any(PLACE in each for each in _texts(_filled(template, PLACE)))
        )

    def _check_use(self, name: str, text: str) -> None:
        """Refuse an override that gives users more access than its author can have intended."""
        danger = _DANGERS.get(name)
        if danger and not self.validation_regex:
            raise SpecError("", f"{danger}: set a validation_regex")
        if name in _SHELL and (reason := why_unsafe(text)):
            raise SpecError("", reason)

    def filled(self, value: str) -> Overrides:
        """The override for a value; in shell text, the value is one quoted word."""
        word = shlex.quote(value)
        written = {
            **dict.fromkeys(_SHELL, word),
            _TEMPLATE: word.replace("{", "{{").replace("}", "}}"),  # a template itself
        }
        return {
            name: _filled(each, written.get(name, value))
            for name, each in self.yarn_override.items()
        }

    def refusal(self, value: str) -> str:
        """Why a value is not accepted; empty if it is."""
        if not value:
            return "enter a value"
        if len(value) > _LONGEST:
            return f"it is longer than {_LONGEST} characters"
        if not value.isprintable():
            return "it contains characters that cannot be printed"
        if self.validation_regex and not re.fullmatch(self.validation_regex, value):
            return self.validation_message or f"it must match {self.validation_regex}"
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Option(_Document):
    """An option of a profile, for users to choose a value."""

    display_name: str
    choices: Mapping[str, Listed] = field(default_factory=dict)
    unlisted_choice: Unlisted = Unlisted()

    checks: ClassVar[read.Checks] = {
        "display_name": read.filled,
        "choices": read.mapping(read.filled, Listed.read),
        "unlisted_choice": Unlisted.read,
    }

    def _check(self) -> None:
        if UNLISTED in self.choices:
            raise SpecError(f"choices.{UNLISTED}", "is reserved; use a different name")
        if not self.choices and not self.unlisted_choice.enabled:
            raise SpecError("", "offers nothing: set choices, or enable unlisted_choice")
        with read.at("choices"):
            _one_default(self.choices)

    @property
    def default(self) -> str | None:
        """The choice if the user has made none: the default one, or else the first."""
        marked = (key for key, each in self.choices.items() if each.default)
        return next(marked, next(iter(self.choices), None))


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile(_Document):
    """One kind of container that users can choose.

    Attributes:
        slug: The name in URLs and requests; derived from the display name by default.
    """

    display_name: str
    slug: str = ""
    description: str = ""
    default: bool = False
    yarn_override: Overrides = field(default_factory=dict)
    profile_options: Mapping[str, Option] = field(default_factory=dict)

    checks: ClassVar[read.Checks] = {
        "display_name": read.text,
        "slug": read.optional(_NAME),
        "description": read.text,
        "default": read.flag,
        "yarn_override": _overrides,
        "profile_options": read.mapping(_NAME, Option.read),
    }

    def _check(self) -> None:
        if PROFILE in self.profile_options:
            raise SpecError(f"profile_options.{PROFILE}", "is reserved; use a different name")
        if not self.slug:
            slug = re.sub(r"\W+", "-", self.display_name.casefold()).strip("-")
            object.__setattr__(self, "slug", slug)

    @property
    def overrides(self) -> Iterator[tuple[str, Overrides]]:
        """All overrides, with their places in the document."""
        yield "yarn_override", self.yarn_override
        for key, option in self.profile_options.items():
            where = f"profile_options.{key}"
            for name, each in option.choices.items():
                yield f"{where}.choices.{name}.yarn_override", each.yarn_override
            yield f"{where}.unlisted_choice.yarn_override", option.unlisted_choice.yarn_override


NAMELESS = Profile(display_name="")
"""The profile if none are configured."""


def parse_profiles(
    value: object, *, allowed: Collection[str], setting: str = "profile_list"
) -> tuple[Profile, ...]:
    """Read a list of profiles, or a mapping, whose values are read in the order of the keys.

    Args:
        value: The list.
        allowed: Names of the settings that may be overridden.
        setting: The name of the list in the configuration; errors start with it.

    Raises:
        ProfileError: It is not valid.
    """
    try:
        with read.at(setting):
            return _parse(value, allowed)
    except SpecError as error:
        raise ProfileError(str(error)) from error


def _parse(value: object, allowed: Collection[str]) -> tuple[Profile, ...]:
    if isinstance(value, Mapping):
        documents = dict(sorted(read.as_mapping(value).items()))
    elif isinstance(value, Sequence) and not isinstance(value, str):
        documents = {f"[{index}]": each for index, each in enumerate(value)}
    else:
        raise read.wrong_type("a list of profiles", value)
    found: dict[str, Profile] = {}
    for where, document in documents.items():
        with read.at(where):
            profile = Profile.read(document)
            if not profile.slug:
                raise SpecError("display_name", "set a name with letters, or a slug")
            if profile.slug in found:
                raise SpecError("slug", f"{profile.slug!r} is also the slug of another profile")
            for place, names in profile.overrides:
                for name in names:
                    if name not in allowed:
                        with read.at(place), read.at(name):
                            raise read.unknown("setting", name, allowed)
        found[profile.slug] = profile
    _one_default(found)
    return tuple(found.values())


def _one_default(named: Mapping[str, Listed] | Mapping[str, Profile]) -> None:
    defaults = [name for name, each in named.items() if each.default]
    if len(defaults) > 1:
        raise SpecError("", f"only one can be the default, not {' and '.join(defaults)}")


def _filled(template: object, value: str) -> object:
    match template:
        case str():
            return "".join(_parts(template, value))
        case Mapping():
            return {key: _filled(each, value) for key, each in template.items()}
        case list() | tuple():
            return [_filled(each, value) for each in template]
        case _:
            return template


def _parts(template: str, value: str) -> Iterator[str]:
    for text, name, spec, conversion in Formatter().parse(template):
        yield text
        if name is not None:
            if (name, spec, conversion) != ("value", "", None):
                raise LookupError(f"{{{name}}}")
            yield value


def _texts(value: object) -> Iterator[str]:
    """All strings in the value of a setting."""
    match value:
        case str():
            yield value
        case Mapping():
            for each in value.values():
                yield from _texts(each)
        case list() | tuple():
            for each in value:
                yield from _texts(each)
        case _:  # numbers, and callables, which are called at the start
            pass
