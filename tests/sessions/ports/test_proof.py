"""Who answers at a server's port: the server, or somebody else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yarnhub.sessions.ports.proof import ImpostorError, check, prove

NONCE, OTHER = "0" * 64, "1" * 64
NODE = ("10.0.0.1", 40000)


@pytest.mark.parametrize(
    ("addresses", "peer"),
    [
        (["10.0.0.1"], NODE),
        (["fd00::1", "10.0.0.1"], NODE),
        (["0.0.0.0"], NODE),
        (["0.0.0.0", "::"], ("fd00::1", 40000)),
        (["fd00:0:0::1"], ("fd00::1", 40000)),
    ],
)
def test_the_server(addresses: list[str], peer: tuple[str, int]) -> None:
    check(prove("token", NONCE, addresses, 40000), "token", NONCE, peer)


@pytest.mark.parametrize(
    "answer",
    [
        prove("of bob", NONCE, ["10.0.0.1"], 40000),
        prove("token", OTHER, ["10.0.0.1"], 40000),
    ],
    ids=["another token", "an answer of before"],
)
def test_who_does_not_have_the_token(answer: bytes) -> None:
    with pytest.raises(ImpostorError, match="does not have the server's token"):
        check(answer, "token", NONCE, NODE)


@pytest.mark.parametrize(
    ("addresses", "port"),
    [
        (["10.0.0.1"], 40001),
        (["10.0.0.2"], 40000),
        (["0.0.0.0"], 40001),
        (["::"], 40000),
        ([], 1),
        (["no address"], 40000),
    ],
)
def test_who_has_asked_the_server(addresses: list[str], port: int) -> None:
    handed_on = prove("token", NONCE, addresses, port)
    with pytest.raises(ImpostorError, match="listens at a different address"):
        check(handed_on, "token", NONCE, NODE)


@pytest.mark.parametrize("changed", [{"port": 40000}, {"addresses": ["10.0.0.1"]}])
def test_who_changes_what_the_server_has_said(changed: dict[str, object]) -> None:
    answer = {**json.loads(prove("token", NONCE, ["10.0.0.2"], 40001)), **changed}
    with pytest.raises(ImpostorError):
        check(json.dumps(answer).encode(), "token", NONCE, NODE)


ANYTHING: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda each: st.lists(each) | st.dictionaries(st.text(), each),
)


@given(
    st.binary()
    | ANYTHING.map(lambda each: json.dumps(each).encode())
    | st.fixed_dictionaries({"addresses": ANYTHING, "port": ANYTHING, "proof": ANYTHING}).map(
        lambda each: json.dumps(each).encode()
    )
)
def test_whatever_is_answered(answer: bytes) -> None:
    with pytest.raises(ImpostorError):
        check(answer, "token", NONCE, NODE)
