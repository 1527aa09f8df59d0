"""The messages that a client has missed."""

from __future__ import annotations

from typing import Any

from jupyter_client.session import Session

from yarnhub.integrations.kernels.replay import Message, Missed

SIGNER = Session(key=b"key")
CLIENT = Session(session="client")
KERNEL = Session(key=b"key")


def request(session: Session = CLIENT) -> dict[str, Any]:
    return dict(session.msg("execute_request", {})["header"])


def sent(kind: str, parent: dict[str, Any], **content: Any) -> list[bytes]:
    message = KERNEL.msg(kind, content, parent={"header": parent})
    return [b"topic", *map(bytes, KERNEL.serialize(message))]


def replies(missed: Missed, count: int | None = None) -> list[dict[str, Any]]:
    found = [Message.read(parts) for channel, parts in missed.buffered(count) if channel == "shell"]
    return [each.content for each in found if each is not None]


def kinds(missed: Missed) -> list[str]:
    found = [Message.read(parts) for _, parts in missed.buffered()]
    return [each.kind for each in found if each is not None]


def test_doubles_are_dropped_and_the_order_is_kept() -> None:
    missed, cell = Missed("client", SIGNER), request()
    one, two, three = (sent("stream", cell, text=str(number)) for number in range(3))
    missed.add("iopub", two)
    missed.add("iopub", three)
    for each in (one, two):
        missed.add("iopub", each, kept=True)
    missed.add("iopub", three)
    assert [parts for _, parts in missed.buffered()] == [one, two, three]


def test_responses_to_our_own_requests_and_what_is_no_message_are_dropped() -> None:
    missed = Missed("client", SIGNER)
    missed.add("iopub", sent("status", request(SIGNER), execution_state="idle"))
    missed.add("iopub", sent("iopub_welcome", {}, subscription=""))
    for parts in ([], [b"x"], [b"<IDS|MSG>", b"", b"{", b"{}", b"{}", b"{}"]):
        missed.add("iopub", parts)
    missed.add("iopub", [b"<IDS|MSG>", b"", b"[]", b"1", b"{}", b"null"])
    assert missed.buffered() == []


def test_a_cell_that_ended_has_a_reply() -> None:
    missed, cell = Missed("client", SIGNER), request()
    missed.add("iopub", sent("execute_input", cell, execution_count=7), kept=True)
    missed.add("iopub", sent("error", cell, ename="E", evalue="e", traceback=[]), kept=True)
    missed.add("iopub", sent("status", cell, execution_state="idle"), kept=True)
    assert kinds(missed) == ["execute_input", "error", "execute_reply", "status"]
    (reply,) = replies(missed)
    assert (reply["status"], reply["execution_count"], reply["ename"]) == ("error", 7, "E")
    parts = next(parts for channel, parts in missed.buffered() if channel == "shell")
    checked = Session(key=b"key").deserialize(parts[1:])
    assert checked["parent_header"]["msg_id"] == cell["msg_id"]


def test_half_of_a_surrogate_pair_in_an_error_is_replaced() -> None:
    missed, cell = Missed("client", SIGNER), request()
    parts = sent("error", cell, ename="E", evalue="?", traceback=[])
    parts[-1] = parts[-1].replace(b'"?"', rb'"cut \ud83d"')
    missed.add("iopub", parts, kept=True)
    missed.add("iopub", sent("status", cell, execution_state="idle"), kept=True)
    (reply,) = replies(missed, 1)
    assert reply["evalue"] == "cut ?"


def test_the_count_of_the_cell_that_ran_is_derived_or_asked_for() -> None:
    missed, first, second = Missed("client", SIGNER), request(), request()
    missed.add("iopub", sent("status", first, execution_state="idle"), kept=True)
    assert missed.lacks_count
    assert [each["execution_count"] for each in replies(missed, 4)] == [4]
    missed.add("iopub", sent("execute_input", second, execution_count=6), kept=True)
    assert not missed.lacks_count
    assert [each["execution_count"] for each in replies(missed, 9)] == [5]


def test_a_cell_has_one_reply() -> None:
    missed, cell, other = Missed("client", SIGNER), request(), request(Session(session="other"))
    missed.add("iopub", sent("status", other, execution_state="idle"), kept=True)
    missed.add("iopub", sent("status", cell, execution_state="idle"))
    missed.add("shell", sent("execute_reply", cell, status="ok", execution_count=3))
    assert [each["execution_count"] for each in replies(missed)] == [3]
    assert not missed.lacks_count
