"""A NodeManager's recorded responses, in any chunks, whole and damaged."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yarn.logs.node_responses import framed
from yarnhub.base.errors import RemoteProtocolError
from yarnhub.yarn.logs.node_responses import LogAnswer, parse_listing

LISTING = (
    b'{"containerLogsInfo":{"containerLogInfo":['
    b'{"fileName":"prelaunch.err","fileSize":"0","lastModifiedTime":"Wed Nov 25 02:47:24"},'
    b'{"fileName":"talker.log","fileSize":"28","lastModifiedTime":"Wed Nov 25 02:47:27"}],'
    b'"logAggregationType":"LOCAL","containerId":"container_1_0003_01_000002","nodeId":"w:1"}}'
)


def read(taker: LogAnswer, data: bytes, cuts: list[int]) -> bytes:
    ends = [*sorted(cuts), len(data)]
    return b"".join(
        taker.feed(data[begin:end]) for begin, end in zip([0, *ends], ends, strict=False)
    )


def test_a_listing() -> None:
    assert parse_listing(LISTING) == {"prelaunch.err": 0, "talker.log": 28}


def test_a_listing_of_one_file_and_of_what_is_aggregated_already() -> None:
    local = b'{"containerLogInfo":{"fileName":"a","fileSize":"1"},"logAggregationType":"LOCAL"}'
    uploaded = local.replace(b"LOCAL", b"AGGREGATED").replace(b'"a"', b'"b"')
    assert parse_listing(b'{"containerLogsInfo":[%s,%s]}' % (local, uploaded)) == {"a": 1}
    assert parse_listing(b'{"containerLogsInfo":{"logAggregationType":"LOCAL"}}') == {}


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b"x", b'{"containerLogsInfo":{"containerLogInfo":[1]}}', b"\xff"]
)
def test_what_is_no_listing(body: bytes) -> None:
    with pytest.raises(RemoteProtocolError, match="list of log files"):
        parse_listing(body)


CONTENT = st.one_of(
    st.binary(max_size=200),
    # What looks like the frame is content all the same.
    st.sampled_from([framed(b"within", 6), b"End of LogType:talker.log.\n", b"\nLogContents:\n"]),
)


@given(st.data(), CONTENT)
def test_content_comes_out_as_it_was_written_however_it_is_cut(
    data: st.DataObject, content: bytes
) -> None:
    whole = framed(content, len(content)) if content else b"End of LogType:talker.log.\n***\n\n"
    cuts = data.draw(st.lists(st.integers(0, len(whole)), max_size=6))
    taker = LogAnswer()
    assert read(taker, whole, cuts) == content
    assert taker.complete
    assert taker.length == taker.position == len(content)


@given(st.binary(min_size=1, max_size=100), st.integers(1, 150))
def test_a_tail_says_where_it_begins(content: bytes, tail: int) -> None:
    taker = LogAnswer(tail)
    head, rest = framed(content[-tail:], len(content)).split(b"LogContents:\n", 1)
    taker.feed(head + b"LogContents:\n")
    assert taker.position == max(0, len(content) - tail)
    assert content[: taker.position] + taker.feed(rest) == content
    assert taker.complete


def test_an_answer_that_was_cut_off_is_not_complete() -> None:
    taker = LogAnswer()
    taker.feed(framed(b"content", 7).partition(b"tent")[0])
    assert not taker.complete
    assert not LogAnswer().complete


def test_an_answer_without_a_head() -> None:
    with pytest.raises(RemoteProtocolError, match="no log header"):
        LogAnswer().feed(b"x" * 100_000)
