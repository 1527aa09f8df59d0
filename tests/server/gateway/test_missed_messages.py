"""What a client misses is kept in bounded memory."""

from __future__ import annotations

from yarnhub.server.gateway.missed_messages import MAX_BYTES, MissedMessages


def test_the_newest_messages_are_kept() -> None:
    missed = MissedMessages()
    for number in range(100):
        missed.append(("iopub", [b"%d" % number, bytes(MAX_BYTES // 10)]))
        assert sum(len(parts[1]) for _, parts in missed) <= MAX_BYTES

    assert [int(parts[0]) for _, parts in missed] == list(range(91, 100))


def test_messages_of_the_launcher_count() -> None:
    missed = MissedMessages()
    missed.append(("iopub", [b"last"]))

    missed[:0] = [("iopub", [b"%d" % number, bytes(MAX_BYTES // 2 - 1000)]) for number in range(5)]

    assert [parts[0] for _, parts in missed] == [b"3", b"4", b"last"]


def test_a_message_that_is_too_large_is_not_kept() -> None:
    missed = MissedMessages()
    missed.append(("iopub", [bytes(MAX_BYTES)]))
    assert not missed

    missed.append(("iopub", [b"2"]))
    assert [parts for _, parts in missed] == [[b"2"]]
