"""The connection's state machine: events, whatever the pieces; every broken stream ends it."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hadoop.server import (
    AUTHORIZATION,
    KERBEROS_OFFER,
    SIMPLE_OFFER,
    TOKEN,
    FakeContext,
    Peer,
    answer,
    failure,
    fatal,
    frame,
    sasl,
    token_offer,
)
from yarnhub.base.errors import AuthenticationError, LocalProtocolError, RemoteProtocolError
from yarnhub.hadoop.wire.connection import (
    TRANSITIONS,
    Answer,
    Broken,
    Event,
    Failed,
    Fatal,
    Input,
    MechanismStep,
    Ready,
    RpcStateMachine,
    State,
)
from yarnhub.hadoop.wire.headers import SaslState, UserInformation
from yarnhub.hadoop.wire.method import Protocol
from yarnhub.hadoop.wire.protection import Protection
from yarnhub.hadoop.wire.sasl import KerberosLogin, Login

PROTOCOL = Protocol("org.example.ServicePB")
ALICE = Login(simple=UserInformation(effective_user="alice"))
BY_TOKEN = Login(token=TOKEN, cnonce="c")


def connection(login: Login = ALICE, *, max_response: int = 1 << 20) -> RpcStateMachine:
    return RpcStateMachine(PROTOCOL, login, client_id=b"i" * 16, max_response=max_response)


def exchange(client: RpcStateMachine, peer: Peer) -> list[Event]:
    """Carry bytes to and fro until both are silent."""
    events: list[Event] = []
    while data := client.take():
        events += client.receive(peer.feed(data))
    return events


def ready(login: Login = ALICE, peer: Peer | None = None) -> tuple[RpcStateMachine, Peer]:
    client, server = connection(login), peer or Peer()
    exchange(client, server)
    assert client.ready
    return client, server


def test_a_simple_user_is_ready_at_once_and_named_in_the_context() -> None:
    client = connection(Login(simple=UserInformation(effective_user="alice", real_user="hub")))
    peer = Peer()
    assert client.ready
    assert exchange(client, peer) == []
    assert peer.auth == 0
    assert peer.context is not None
    assert peer.context.user_info == UserInformation(effective_user="alice", real_user="hub")
    assert peer.context.protocol == PROTOCOL.name


@pytest.mark.parametrize("qop", ["auth", "auth-int", "auth-conf", "auth,auth-int,auth-conf"])
def test_a_token_is_proven_and_the_highest_protection_taken(qop: str) -> None:
    client, peer = connection(BY_TOKEN), Peer(offers=(token_offer(qop),))
    assert exchange(client, peer) == [Ready()]
    assert peer.auth == 0xDF
    assert peer.context is not None
    assert peer.context.user_info == UserInformation(), "the token says who we are"
    assert client.state is (State.READY if qop == "auth" else State.PROTECTED)
    client.call(7, "echo", b"hello")
    assert exchange(client, peer) == [Answer(7, b"hello")]
    client.call(8, "echo", b"x" * 100_000)
    assert exchange(client, peer) == [Answer(8, b"x" * 100_000)]


def test_a_call_carries_its_ids_and_repetition() -> None:
    client, peer = ready()
    client.call(5, "getThing", b"body", retry_count=2)
    assert exchange(client, peer) == [Answer(5, b"body")]
    (call,) = peer.calls
    assert (call.call_id, call.method, call.retry_count) == (5, "getThing", 2)
    assert call.client_id == b"i" * 16


def test_a_server_may_let_a_client_off_without_proof() -> None:
    user = UserInformation(effective_user="alice")
    login = Login(simple=user, kerberos=KerberosLogin(_no_context, "rm/localhost"))
    client, peer = connection(login), Peer(offers=(SIMPLE_OFFER,))
    assert exchange(client, peer) == [Ready()]
    assert peer.context is not None
    assert peer.context.user_info == user


def _no_context(server: str) -> FakeContext:
    raise AssertionError(f"no ticket was to be shown to {server}")


def test_a_ping_is_a_frame_that_has_no_answer() -> None:
    client, peer = ready(BY_TOKEN, Peer(offers=(token_offer("auth-conf"),)))
    client.ping()
    assert exchange(client, peer) == []
    assert peer.pings == 1


def test_an_exception_ends_its_call_only() -> None:
    client, peer = ready(peer=Peer(handler=lambda call: failure(call.call_id, "a.B", "no")))
    client.call(1, "x", b"")
    (event,) = exchange(client, peer)
    assert isinstance(event, Failed)
    assert (event.call_id, event.java_class) == (1, "a.B")
    assert event.message.startswith("no\n")
    client.call(1, "x", b"")


def test_a_fatal_answer_ends_the_connection() -> None:
    client, peer = connection(), Peer(refusal=fatal(-3, AUTHORIZATION, "User: b is not allowed"))
    (event,) = exchange(client, peer)
    assert isinstance(event, Fatal)
    assert (event.call_id, event.java_class) == (-3, AUTHORIZATION)
    assert client.closed
    assert client.receive(answer(1, b"")) == []
    with pytest.raises(LocalProtocolError):
        client.call(1, "x", b"")


def test_a_refused_token_is_a_fatal_answer() -> None:
    client = connection(Login(token=replace(TOKEN, password=b"other"), cnonce="c"))
    (event,) = exchange(client, Peer())
    assert isinstance(event, Fatal)
    assert event.call_id == -33


def test_a_server_that_cannot_prove_the_password_is_not_believed() -> None:
    client = connection(BY_TOKEN)
    client.receive(sasl(SaslState.NEGOTIATE, auths=(token_offer(),)))
    (event,) = client.receive(sasl(SaslState.SUCCESS, b"rspauth=" + b"0" * 32))
    assert isinstance(event, Broken)
    assert isinstance(event.error, AuthenticationError)
    assert client.closed


def test_a_plain_answer_under_a_layer_is_refused() -> None:
    client, _ = ready(BY_TOKEN, Peer(offers=(token_offer("auth-int"),)))
    client.call(1, "x", b"")
    (event,) = client.receive(answer(1, b"forged"))
    assert isinstance(event, Broken)
    assert isinstance(event.error, RemoteProtocolError)
    client, _ = ready(BY_TOKEN, Peer(offers=(token_offer("auth-int"),)))
    client.call(1, "x", b"")
    (event,) = client.receive(fatal(1, "a.B", "forged"))
    assert isinstance(event, Broken)


def test_a_changed_answer_under_a_layer_is_refused() -> None:
    client, peer = ready(BY_TOKEN, Peer(offers=(token_offer("auth-conf"),)))
    client.call(1, "x", b"hello")
    reply = bytearray(peer.feed(client.take()))
    reply[-20] ^= 1
    (event,) = client.receive(bytes(reply))
    assert isinstance(event, Broken)


def test_wrapped_pieces_are_a_stream() -> None:
    client, peer = ready(BY_TOKEN, Peer(offers=(token_offer("auth-conf"),)))
    client.call(1, "x", b"")
    client.call(2, "x", b"")
    both = answer(2, b"two") + answer(1, b"one")
    pieces = [peer.protect(both[:3]), peer.protect(both[3:20]), peer.protect(both[20:])]
    events = [event for piece in pieces for event in client.receive(piece)]
    assert events == [Answer(2, b"two"), Answer(1, b"one")]


# -- GSSAPI


def kerberos(server: str = "rm/localhost@REALM", minimum: Protection | None = None) -> Login:
    return Login(
        kerberos=KerberosLogin(FakeContext, server, "alice"),
        minimum=minimum or Protection.AUTHENTICATION,
    )


def carry_out(client: RpcStateMachine, events: list[Event]) -> None:
    (step,) = events
    assert isinstance(step, MechanismStep)
    client.respond(step.mechanism.step(step.challenge))


@pytest.mark.parametrize(
    ("offered", "state"), [(1, State.READY), (3, State.PROTECTED), (7, State.PROTECTED)]
)
def test_kerberos_goes_step_by_step(offered: int, state: State) -> None:
    client = connection(kerberos())
    client.take()
    carry_out(client, client.receive(sasl(SaslState.NEGOTIATE, auths=(KERBEROS_OFFER,))))
    assert b"client-token" in client.take()
    carry_out(client, client.receive(sasl(SaslState.CHALLENGE, b"server-token")))
    carry_out(client, client.receive(sasl(SaslState.CHALLENGE, b"S" + bytes((offered, 1, 0, 0)))))
    assert client.receive(sasl(SaslState.SUCCESS)) == [Ready()]
    assert client.state is state
    assert b"alice" in client.take()


def test_a_success_before_the_proof_is_not_believed() -> None:
    client = connection(kerberos())
    carry_out(client, client.receive(sasl(SaslState.NEGOTIATE, auths=(KERBEROS_OFFER,))))
    (event,) = client.receive(sasl(SaslState.SUCCESS))
    assert isinstance(event, Broken)
    assert isinstance(event.error, AuthenticationError)


def test_what_was_to_be_encrypted_must_be() -> None:
    client = connection(kerberos())
    carry_out(client, client.receive(sasl(SaslState.NEGOTIATE, auths=(KERBEROS_OFFER,))))
    carry_out(client, client.receive(sasl(SaslState.CHALLENGE, b"server-token")))
    carry_out(client, client.receive(sasl(SaslState.CHALLENGE, b"S\x07\x01\x00\x00")))
    client.receive(sasl(SaslState.SUCCESS))
    client.call(1, "x", b"")
    (event,) = client.receive(sasl(SaslState.WRAP, b"S" + answer(1, b"")))
    assert isinstance(event, Broken)


# -- the stream


def session(qop: str) -> tuple[bytes, list[Event]]:
    """All that a server says in one session, and what comes of it."""
    peer = Peer(
        offers=(token_offer(qop),),
        handler=lambda call: (
            failure(call.call_id, "a.B", "no")
            if call.method == "fail"
            else answer(call.call_id, call.body)
        ),
    )
    client, said, events = connection(BY_TOKEN), b"", list[Event]()
    for call_id in range(4):
        while data := client.take():
            reply = peer.feed(data)
            said += reply
            events += client.receive(reply)
        client.call(call_id, "fail" if call_id == 2 else "echo", b"%d" % call_id * 50)
    reply = peer.feed(client.take()) + peer.protect(fatal(-1, "a.C", "the end"))
    return said + reply, events + client.receive(reply)


SESSIONS = {qop: session(qop) for qop in ("auth", "auth-int", "auth-conf")}


def replay(qop: str, pieces: list[bytes]) -> list[Event]:
    client, events = connection(BY_TOKEN), list[Event]()
    expected = iter(range(4))
    for piece in pieces:
        events += client.receive(piece)
        if client.ready:
            for call_id in expected:
                client.call(call_id, "echo", b"")
    return events


@given(st.sampled_from(sorted(SESSIONS)), st.data())
def test_any_pieces_give_the_same_events(qop: str, data: st.DataObject) -> None:
    stream, events = SESSIONS[qop]
    # The calls are made when the connection is ready: a piece must not run ahead of them.
    begin = stream.index(b"rspauth=") + 40
    cuts = data.draw(st.sets(st.integers(1, len(stream) - 1), max_size=40)) | {begin}
    edges = [0, *sorted(cuts), len(stream)]
    assert replay(qop, [stream[a:b] for a, b in itertools.pairwise(edges)]) == events


@pytest.mark.parametrize("qop", sorted(SESSIONS))
def test_byte_by_byte_gives_the_same_events(qop: str) -> None:
    stream, events = SESSIONS[qop]
    assert replay(qop, [stream[n : n + 1] for n in range(len(stream))]) == events
    assert [type(event) for event in events] == [Ready, Answer, Answer, Failed, Answer, Fatal]


@given(st.binary(max_size=200))
def test_garbage_never_does_more_than_break_the_connection(garbage: bytes) -> None:
    for login in (ALICE, BY_TOKEN, kerberos()):
        client = connection(login)
        client.take()
        for event in client.receive(garbage):
            if isinstance(event, Broken):
                assert isinstance(event.error, AuthenticationError | RemoteProtocolError)
                assert client.closed
                assert client.take() == b""


@given(st.sampled_from(sorted(SESSIONS)), st.data())
def test_a_flipped_byte_never_does_more_than_break_the_connection(
    qop: str, data: st.DataObject
) -> None:
    stream, _ = SESSIONS[qop]
    at = data.draw(st.integers(0, len(stream) - 1))
    changed = bytearray(stream)
    changed[at] ^= data.draw(st.integers(1, 255))
    for event in replay(qop, [bytes(changed[n : n + 1]) for n in range(len(changed))]):
        assert not isinstance(event, Broken) or isinstance(
            event.error, AuthenticationError | RemoteProtocolError
        )


@pytest.mark.parametrize("length", [b"\xff\xff\xff\xff", b"\x80\0\0\0", b"\x7f\xff\xff\xff"])
def test_an_impossible_length_breaks_the_connection(length: bytes) -> None:
    client = connection(max_response=1000)
    client.call(1, "x", b"")
    events = client.receive(answer(1, b"first") + length)
    assert events[0] == Answer(1, b"first"), "what came before still counts"
    assert isinstance(events[1], Broken)
    assert "limit is 1000" in str(events[1].error)
    assert client.closed


def test_a_web_port_is_recognised() -> None:
    (event,) = connection().receive(b"HTTP/1.1 404 Not Found\r\n")
    assert isinstance(event, Broken)
    assert "web port" in str(event.error)


@pytest.mark.parametrize(
    "stray",
    [
        answer(99, b"nobody asked"),
        failure(99, "a.B", "nobody asked"),
        sasl(SaslState.SUCCESS),
        sasl(SaslState.WRAP, b"x"),
        sasl(SaslState.INITIATE),
        frame(sasl(SaslState.SUCCESS)[4:] + b"x"),
        frame(b""),
        frame(b"\x00"),
        answer(1, b"")[:4] + answer(1, b"")[4:-1] + b"\x09",
    ],
)
def test_what_does_not_belong_breaks_the_connection(stray: bytes) -> None:
    client, _ = ready()
    client.call(1, "x", b"")
    (event,) = client.receive(stray)
    assert isinstance(event, Broken)
    assert isinstance(event.error, RemoteProtocolError)


def test_an_answer_comes_once() -> None:
    client, _ = ready()
    client.call(1, "x", b"")
    events = client.receive(answer(1, b"") * 2)
    assert [type(event) for event in events] == [Answer, Broken]


def test_a_call_id_in_use_is_our_fault() -> None:
    client, _ = ready()
    client.call(1, "x", b"")
    for call_id in (1, -5):
        with pytest.raises(LocalProtocolError):
            client.call(call_id, "x", b"")


@given(st.sampled_from(list(State)), st.sampled_from(list(Input)))
def test_every_state_and_input_is_in_the_table_or_a_fault(state: State, what: Input) -> None:
    client = connection()
    client.state = state
    target = TRANSITIONS.get((state, what))
    if target is None:
        with pytest.raises((LocalProtocolError, RemoteProtocolError)):
            client._advance(what)
        assert client.state is state
    else:
        client._advance(what)
        assert client.state is target
