"""Documents of any shape, after parsing: specifications, profiles, kernelspecs, requests."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fuzz.mechanism import Parser, fuzz, json_values, try_on
from fuzz.samples import DOCUMENT, KERNELSPEC
from yarnhub.base.errors import (
    SpecError,
)
from yarnhub.environments.foreign_documents import from_conda
from yarnhub.environments.specification import EnvironmentSpec
from yarnhub.integrations.jupyterhub.offer import OVERRIDABLE
from yarnhub.integrations.jupyterhub.options_form import options_from_form
from yarnhub.kernels.kernelspec import Kernelspec, KernelspecConfig, read, request_of
from yarnhub.kernels.kernelspec_file import parse
from yarnhub.sessions.choice import ChoiceError, choose
from yarnhub.sessions.profiles import ProfileError, parse_profiles
from yarnhub.spec import ApplicationSpec

# What fails is shown, however long it is.
pytestmark = pytest.mark.filterwarnings("ignore:Generating overly large repr")


@fuzz
@given(json_values)
def test_a_document_of_any_shape_is_a_specification_or_refused(document: object) -> None:
    parser = Parser("", lambda _: ApplicationSpec.from_dict(document), (SpecError,))
    try_on(parser, b"")


@fuzz
@given(st.data())
def test_a_specification_with_something_else_in_it(data: st.DataObject) -> None:
    document = at = json.loads(DOCUMENT)
    key = data.draw(st.sampled_from(sorted(at)))
    while isinstance(at[key], dict) and at[key] and data.draw(st.booleans()):
        at = at[key]
        key = data.draw(st.sampled_from(sorted(at)))
    at[key] = data.draw(json_values)
    try_on(Parser("", lambda _: ApplicationSpec.from_dict(document), (SpecError,)), b"")


@fuzz
@given(json_values)
def test_profiles_of_any_shape(value: object) -> None:
    parser = Parser("", lambda _: parse_profiles(value, allowed=OVERRIDABLE), (ProfileError,))
    try_on(parser, b"")


PROFILES = [
    {
        "display_name": "A",
        "profile_options": {
            "size": {"display_name": "Size", "choices": {"s": {"display_name": "S"}}}
        },
    }
]


@fuzz
@given(st.data())
def test_profiles_with_something_else_in_them_and_any_choice(data: st.DataObject) -> None:
    document = json.loads(json.dumps(PROFILES))
    key = data.draw(st.sampled_from(("display_name", "profile_options", "slug", "default", "x")))
    document[0][key] = data.draw(json_values)
    try_on(
        Parser("", lambda _: parse_profiles(document, allowed=OVERRIDABLE), (ProfileError,)), b""
    )
    profiles = parse_profiles(PROFILES, allowed=OVERRIDABLE)
    names = st.sampled_from(("profile", "size", "size--written", "a--size", "")) | st.text(
        max_size=5
    )
    options = data.draw(st.dictionaries(names, json_values, max_size=3))
    form = data.draw(st.dictionaries(names, st.lists(json_values, max_size=2), max_size=3))
    try_on(Parser("", lambda _: choose(profiles, options), (ChoiceError,)), b"")
    try_on(Parser("", lambda _: options_from_form(form), (ChoiceError,)), b"")


@fuzz
@given(json_values, st.sampled_from(sorted(EnvironmentSpec.checks)))
def test_a_document_of_any_shape_is_an_environment_or_refused(value: object, key: str) -> None:
    for document in (value, {"name": "x", "pip": ["six"], key: value}, {"dependencies": value}):
        for reader in (EnvironmentSpec.from_dict, lambda each: from_conda(each, "x")):
            parser = Parser("", lambda _: reader(document), (SpecError,))  # noqa: B023  # at once
            try_on(parser, b"")


@fuzz
@given(json_values, st.sampled_from(sorted(KernelspecConfig.checks)))
def test_a_config_of_any_shape_is_a_kernels_or_refused(value: object, key: str) -> None:
    for document in (value, {key: value}):
        parser = Parser("", lambda _: read(document), (SpecError,))  # noqa: B023  # called at once
        try_on(parser, b"")


_ASKED = ("KERNEL_MEMORY", "KERNEL_VCORES", "KERNEL_QUEUE", "KERNEL_USERNAME", "KERNEL_WORKING_DIR")
_NAMES = st.sampled_from(_ASKED) | st.text(max_size=9).map("KERNEL_".__add__)
_TEXTS = st.text(max_size=12) | st.sampled_from(("4 GiB", "1e999999", "9" * 5000, "a", "/home/.."))


@fuzz
@given(
    st.dictionaries(st.sampled_from(_ASKED) | st.text(max_size=9).map("KERNEL_".__add__), _TEXTS)
)
def test_any_variables_of_a_request_are_taken_or_refused(asked: dict[str, str]) -> None:
    spec = parse("science", KERNELSPEC)
    assert spec.config.environment is not None
    prologue = spec.config.environment.prologue

    def ask(_: bytes) -> None:
        request = request_of(
            spec.config,
            Kernelspec(name="science", argv=spec.spec.argv),
            id="0f9d8a5e-1b2c-4d3e-8f70-123456789abc",
            owner="alice",
            user="alice",
            asked=asked,
        )
        assert (request.owner, request.user) == ("alice", "alice")
        assert request.memory <= 4 * 1024**3
        assert request.queue in ("default", "a")
        assert request.vcores == 1
        assert request.cwd in ("", "/nfs") or request.cwd.startswith("/nfs/")
        assert request.prologue == prologue

    try_on(Parser("", ask, (SpecError,)), b"")
