from __future__ import annotations

import dataclasses
import inspect
import json as plain_json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from yarnhub.appmaster.core.records import ServiceRecord
from yarnhub.base.errors import RemoteProtocolError
from yarnhub.control import bootstrap, json, messages
from yarnhub.control.messages import (
    REQUESTS,
    AddContainer,
    Entries,
    Entry,
    GetContainers,
    GetKeys,
    ListKeys,
    Nothing,
    PutKey,
    Scale,
    ServiceContainer,
    SetProgress,
    Shutdown,
    Transacted,
    Transaction,
    WaitKey,
)

CLASSES = [
    cls
    for module in (messages, bootstrap)
    for cls in vars(module).values()
    if inspect.isclass(cls) and dataclasses.is_dataclass(cls)
]
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
st.register_type_strategy(str, TEXT)
st.register_type_strategy(float, FLOATS)


def messages_of(cls: type[Any]) -> st.SearchStrategy[Any]:
    # Fields with defaults are varied too, not left at them.
    names = [field.name for field in dataclasses.fields(cls)]
    return st.builds(cls, **dict.fromkeys(names, ...))


def test_all_messages_are_known() -> None:
    requests = {cls for cls in CLASSES if issubclass(cls, messages.Request)}
    assert requests == set(REQUESTS.values())
    assert len(REQUESTS) >= 18
    assert {cls.answer for cls in REQUESTS.values()} <= set(CLASSES)
    assert all(name == cls.__name__ == cls.name() for name, cls in REQUESTS.items())


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_every_message_comes_back_as_it_was(cls: type[Any]) -> None:
    @settings(max_examples=25, deadline=None)
    @given(message=messages_of(cls))
    def round_trip(message: Any) -> None:
        found = json.load(cls, json.dump(message))
        assert found == message
        assert type(found) is cls

    round_trip()


def test_the_form_on_the_wire() -> None:
    entry = Entry(key="ä", value=b"\0\xff", owner=None)
    assert json.dump(Entries(entries=(entry,))) == (
        b'{"entries":[{"key":"\\u00e4","value":"AP8=","owner":null}]}'
    )
    assert json.dump(Nothing()) == b"{}"
    assert json.dump(Shutdown()) == b'{"status":"SUCCEEDED","diagnostics":""}'


def test_one_of_several_says_which() -> None:
    request = Transaction(on_success=(ListKeys(), PutKey(key="k", keep_owner=True)))
    data = json.dump(request)
    assert b'"on_success":[{"ListKeys":{"range":{' in data
    assert b'{"PutKey":{"key":"k","value":null,"owner":null,"keep_owner":true}}' in data
    assert json.load(Transaction, data) == request
    answer = Transacted(succeeded=True, results=(Nothing(), Entries(entries=())))
    assert json.dump(answer) == (
        b'{"succeeded":true,"results":[{"Nothing":{}},{"Entries":{"entries":[]}}]}'
    )


def test_what_is_not_said_has_its_default() -> None:
    assert json.load(GetContainers, b"{}") == GetContainers()
    assert json.load(GetContainers, b"") == GetContainers()
    assert json.load(WaitKey, b'{"key":"k"}') == WaitKey(key="k", timeout=30.0)


def test_whole_numbers_are_floats_too() -> None:
    found = json.load(WaitKey, b'{"key":"k","timeout":5}')
    assert (found.timeout, type(found.timeout)) == (5.0, float)


DEEP = b"[" * 100_000


@pytest.mark.parametrize(
    ("cls", "data", "said"),
    [
        (Nothing, b"{", "not a JSON document: "),
        (Nothing, b"\xff", "not a JSON document: "),
        (Nothing, DEEP, "not a JSON document: "),
        (Nothing, b"1" * 10_000, "not a JSON document: "),
        (Nothing, b"[]", "the document: expected dict, got list"),
        (Nothing, b"null", "the document: expected dict, got NoneType"),
        (Nothing, b'{"a": 1}', "Nothing: unknown key 'a'"),
        (Scale, b"{}", "Scale: "),
        (Scale, b'{"service": "a", "answer": 1}', "Scale: unknown key 'answer'"),
        (Scale, b'{"service": 1}', ".service: expected str, got int"),
        (Scale, b'{"service": null}', ".service: expected str, got NoneType"),
        (Scale, b'{"service": "a", "count": true}', ".count: expected int, got bool"),
        (Scale, b'{"service": "a", "count": 1.0}', ".count: expected int, got float"),
        (Scale, b'{"service": "\\ud800"}', ".service: not Unicode text"),
        (SetProgress, b'{"progress": NaN}', ".progress: nan is not a number"),
        (SetProgress, b'{"progress": -Infinity}', ".progress: -inf is not a number"),
        (SetProgress, b'{"progress": 1e999}', ".progress: inf is not a number"),
        (SetProgress, b'{"progress": 1' + b"0" * 400 + b"}", ".progress: the number is too large"),
        (SetProgress, b'{"progress": false}', ".progress: expected float, got bool"),
        (SetProgress, b'{"progress": "1"}', ".progress: expected float, got str"),
        (PutKey, b'{"key": "k", "value": "!"}', ".value: not base64"),
        (PutKey, b'{"key": "k", "value": "AP8"}', ".value: not base64"),
        (PutKey, '{"key": "k", "value": "é"}'.encode(), ".value: not base64"),
        (PutKey, b'{"key": "k", "value": []}', ".value: expected str, got list"),
        (PutKey, b'{"key": "k", "value": "", "owner": 3}', ".owner: expected str, got int"),
        (Shutdown, b'{"status": "succeeded"}', ".status: 'succeeded' is not a valid FinalStatus"),
        (Shutdown, b'{"status": {}}', ".status: {} is not a valid FinalStatus"),
        (GetContainers, b'{"states": ["RUNNING", 3]}', ".states[1]: 3 is not a valid"),
        (GetContainers, b'{"services": "a"}', ".services: expected list, got str"),
        (GetKeys, b'{"range": {"start": 1}}', ".range.start: expected str, got int"),
        (GetKeys, b'{"range": {"begin": ""}}', ".range: unknown key 'begin'"),
        (ListKeys, b'{"range": null}', ".range: expected dict, got NoneType"),
        (AddContainer, b'{"service": "a", "env": {"X": 1}}', ".env.X: expected str, got int"),
        (AddContainer, b'{"service": "a", "env": {"\\udc00": ""}}', ".env: not Unicode text"),
        (Entries, b'{"entries": [{"key": "k"}]}', ".entries[0]: "),
        (Transacted, b'{"results": [{"Nothing": []}]}', ".results[0].Nothing: expected dict"),
        (Transacted, b'{"results": [{}]}', ".results[0]: expected one of Nothing, Entries, Keys"),
        (Transacted, b'{"results": [{"Nothing": {}, "Keys": {}}]}', ".results[0]: expected one"),
        (Transacted, b'{"results": [{"Shutdown": {}}]}', ".results[0]: expected one of Nothing"),
        (ServiceRecord, b'{"waits_for": 1}', ".waits_for: expected list, got int"),
        (ServiceRecord, b'{"ended": 1}', ".ended: expected dict, got int"),
        (Transacted, b'{"results": [null]}', ".results[0]: expected dict, got NoneType"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place(
    cls: type[Any], data: bytes, said: str
) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        json.load(cls, data)
    assert str(caught.value).startswith(said)
    str(caught.value).encode()


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**400), 10**400)
    | st.floats()
    | st.text(max_size=4)
    | st.sampled_from([member.value for member in messages.ContainerState]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=5,
)


@st.composite
def almost(draw: st.DrawFn) -> tuple[type[Any], bytes]:
    """A message with some of its values replaced by anything."""
    cls = draw(st.sampled_from(CLASSES))
    document = plain_json.loads(json.dump(draw(messages_of(cls))))
    for key in draw(st.lists(st.sampled_from(sorted(document)), max_size=2)) if document else ():
        document[key] = draw(JSON)
    return cls, plain_json.dumps(document).encode()


@settings(max_examples=300, deadline=None)
@given(almost())
def test_what_almost_fits_is_read_or_refused(case: tuple[type[Any], bytes]) -> None:
    cls, data = case
    try:
        found = json.load(cls, data)
    except RemoteProtocolError:
        return
    assert json.load(cls, json.dump(found)) == found


@settings(max_examples=200, deadline=None)
@given(
    cls=st.sampled_from(CLASSES),
    data=st.binary(max_size=30) | JSON.map(plain_json.dumps).map(str.encode),
)
@example(cls=ServiceContainer, data=b"\xef\xbb\xbf{}")
def test_garbage_is_read_or_refused(cls: type[Any], data: bytes) -> None:
    try:
        found = json.load(cls, data)
    except RemoteProtocolError:
        return
    assert type(found) is cls


@pytest.mark.parametrize("value", [b'"' + b"x" * 10_000 + b'"', b"[" + b"1," * 5_000 + b"1]"])
def test_a_name_that_is_none_is_cut(value: bytes) -> None:
    with pytest.raises(RemoteProtocolError, match="is not a valid FinalStatus") as refused:
        json.load(Shutdown, b'{"status": ' + value + b"}")
    assert len(str(refused.value)) < 300
