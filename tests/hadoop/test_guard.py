"""The guard between a Kerberos client and a server, byte by byte."""

from __future__ import annotations

import contextlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hadoop.server import KERBEROS_OFFER, SIMPLE_OFFER, answer, fatal, frame, sasl, token_offer
from yarnhub.base.errors import AuthenticationError, RemoteProtocolError
from yarnhub.hadoop.codec import delimited, encode
from yarnhub.hadoop.wire.guard import MAX_FRAME, Guard
from yarnhub.hadoop.wire.headers import (
    CALL_ID_CONTEXT,
    CALL_ID_SASL,
    RpcKind,
    RpcOperation,
    RpcRequestHeader,
    SaslAuth,
    SaslMessage,
    SaslState,
)
from yarnhub.hadoop.wire.protection import Protection

GREETING = b"hrpc\x09\x00\xdf"
OFFER = replace(KERBEROS_OFFER, protocol="nn")
NN = "nn/localhost@EXAMPLE.COM"
OID = bytes.fromhex("06092a864886f712010202")
CFX_SIGNED = b"\x05\x04\x00\xff" + bytes(28)
CFX_SEALED = b"\x05\x04\x02\xff" + bytes(28)
OLD_SIGNED = b"\x60\x2b" + OID + b"\x02\x01\x11\x00\xff\xff\xff\xff" + bytes(20)
OLD_SEALED = b"\x60\x2b" + OID + b"\x02\x01\x11\x00\x10\x00\xff\xff" + bytes(20)
AP_REQ = b"\x60\x30" + OID + b"\x01\x00" + bytes(30)


def request(call_id: int, body: bytes) -> bytes:
    header = RpcRequestHeader(
        rpc_kind=RpcKind.RPC_PROTOCOL_BUFFER,
        rpc_op=RpcOperation.RPC_FINAL_PACKET,
        call_id=call_id,
        client_id=b"",
    )
    return frame(delimited(encode(header)) + delimited(body))


def said(state: SaslState, token: bytes | None = None, auths: tuple[SaslAuth, ...] = ()) -> bytes:
    return request(CALL_ID_SASL, encode(SaslMessage(state=state, token=token, auths=auths)))


ASKED = GREETING + said(SaslState.NEGOTIATE)
CHALLENGE = sasl(SaslState.CHALLENGE, b"x")
SUCCESS = sasl(SaslState.SUCCESS)
CONTEXT = request(CALL_ID_CONTEXT, b"who the user is")


def offered(guard: Guard, *offers: SaslAuth) -> bytes:
    assert guard.from_client(ASKED) == ASKED
    return guard.from_server(sasl(SaslState.NEGOTIATE, auths=offers))


def agreed(minimum: Protection, last: bytes = CFX_SIGNED) -> Guard:
    guard = Guard(NN, minimum)
    offered(guard, OFFER)
    for message in (
        said(SaslState.INITIATE, AP_REQ, (OFFER,)),
        said(SaslState.RESPONSE, b""),
        said(SaslState.RESPONSE, last),
    ):
        assert guard.from_client(message) == message
        assert guard.from_server(CHALLENGE) == CHALLENGE
    assert not guard.agreed
    assert guard.from_server(SUCCESS) == SUCCESS
    assert guard.agreed
    return guard


@pytest.mark.parametrize("last", [CFX_SIGNED, OLD_SIGNED])
@pytest.mark.parametrize(
    ("minimum", "first"),
    [
        (Protection.AUTHENTICATION, CONTEXT),
        (Protection.AUTHENTICATION, said(SaslState.WRAP, CFX_SEALED)),
        (Protection.INTEGRITY, said(SaslState.WRAP, CFX_SIGNED)),
        (Protection.INTEGRITY, said(SaslState.WRAP, OLD_SIGNED)),
        (Protection.PRIVACY, said(SaslState.WRAP, CFX_SEALED)),
        (Protection.PRIVACY, said(SaslState.WRAP, OLD_SEALED)),
    ],
)
def test_a_connection_as_it_should_be(minimum: Protection, first: bytes, last: bytes) -> None:
    guard = agreed(minimum, last)
    assert guard.from_client(first + b"more") == first + b"more"
    assert guard.from_client(b"x" * (MAX_FRAME + 5)) == b"x" * (MAX_FRAME + 5)
    assert guard.from_server(b"whatever") == b"whatever"


@pytest.mark.parametrize(
    ("minimum", "first", "reason"),
    [
        (Protection.INTEGRITY, CONTEXT, "in the clear; hadoop.rpc.protection requires integrity"),
        (Protection.PRIVACY, CONTEXT, "in the clear; hadoop.rpc.protection requires privacy"),
        (Protection.PRIVACY, said(SaslState.WRAP, CFX_SIGNED), "offers integrity, hadoop.rpc"),
        (Protection.PRIVACY, said(SaslState.WRAP, OLD_SIGNED), "offers integrity, hadoop.rpc"),
        (Protection.INTEGRITY, said(SaslState.WRAP, b"plain"), "offers no known protection"),
        (Protection.INTEGRITY, said(SaslState.WRAP, b""), "offers no known protection"),
    ],
)
def test_nothing_goes_out_with_too_little_protection(
    minimum: Protection, first: bytes, reason: str
) -> None:
    guard = agreed(minimum)
    with pytest.raises(AuthenticationError, match=reason):
        guard.from_client(first)


def test_other_offers_do_not_reach_the_client() -> None:
    only = sasl(SaslState.NEGOTIATE, auths=(OFFER,))
    assert offered(Guard(NN, Protection.PRIVACY), SIMPLE_OFFER, token_offer(), OFFER) == only


@pytest.mark.parametrize(
    ("server", "offers", "reason"),
    [
        (
            NN,
            (SIMPLE_OFFER,),
            "accepts SIMPLE; the client has a Kerberos ticket.* does not require Kerb",
        ),
        (NN, (token_offer(),), "accepts TOKEN/DIGEST-MD5; the client has a Kerberos ticket"),
        (NN, (), "accepts nothing"),
        (NN, (replace(OFFER, protocol="hive"),), f"principal is hive/localhost, .* expects {NN}"),
        ("nn/*.example.com@*", (OFFER,), "principal is nn/localhost"),
    ],
)
def test_a_server_with_other_offers_gets_nothing(
    server: str, offers: tuple[SaslAuth, ...], reason: str
) -> None:
    with pytest.raises(AuthenticationError, match=reason):
        offered(Guard(server, Protection.AUTHENTICATION), *offers)


def test_a_pattern_is_enough() -> None:
    assert offered(Guard("nn/*@EXAMPLE.COM", Protection.PRIVACY), OFFER)


@pytest.mark.parametrize(
    "before",
    [
        (),
        (said(SaslState.INITIATE, AP_REQ, (OFFER,)),),
        (said(SaslState.INITIATE, AP_REQ, (OFFER,)), said(SaslState.RESPONSE, b"")),
        (said(SaslState.INITIATE, CFX_SIGNED, (OFFER,)),),
        (said(SaslState.INITIATE, AP_REQ, (OFFER,)), said(SaslState.RESPONSE, AP_REQ)),
    ],
)
def test_a_success_before_the_proof_is_none(before: tuple[bytes, ...]) -> None:
    guard = Guard(NN, Protection.AUTHENTICATION)
    offered(guard, OFFER)
    for message in before:
        guard.from_client(message)
    with pytest.raises(AuthenticationError, match="ended the exchange before it was authenticated"):
        guard.from_server(SUCCESS)


@pytest.mark.parametrize(
    "message",
    [
        CONTEXT,
        request(0, b"a call"),
        said(SaslState.WRAP, CFX_SEALED),
        said(SaslState.INITIATE, b"", (SIMPLE_OFFER,)),
        said(SaslState.INITIATE, AP_REQ, (replace(OFFER, protocol="hive"),)),
        said(SaslState.INITIATE, b"", (token_offer(),)),
        said(SaslState.SUCCESS),
    ],
)
def test_the_client_says_nothing_else_to_a_server_that_has_proven_nothing(message: bytes) -> None:
    guard = Guard(NN, Protection.AUTHENTICATION)
    offered(guard, OFFER)
    with pytest.raises(AuthenticationError):
        guard.from_client(message)


def test_a_client_that_asks_for_no_proof_is_cut_off() -> None:
    with pytest.raises(
        AuthenticationError, match="does not require authentication from the server"
    ):
        Guard(NN, Protection.AUTHENTICATION).from_client(b"hrpc\x09\x00\x00" + CONTEXT)


def test_simple_where_it_is_allowed() -> None:
    guard = Guard(NN, Protection.AUTHENTICATION, allow_simple=True)
    assert offered(guard, SIMPLE_OFFER) == sasl(SaslState.NEGOTIATE, auths=(SIMPLE_OFFER,))
    simple = said(SaslState.INITIATE, b"", (SIMPLE_OFFER,))
    assert guard.from_client(simple + CONTEXT) == simple + CONTEXT
    assert guard.agreed
    # Not in place of Kerberos, and not where it would be less than was asked for.
    both = Guard(NN, Protection.AUTHENTICATION, allow_simple=True)
    assert offered(both, SIMPLE_OFFER, OFFER) == sasl(SaslState.NEGOTIATE, auths=(OFFER,))
    with pytest.raises(AuthenticationError):
        offered(Guard(NN, Protection.PRIVACY, allow_simple=True), SIMPLE_OFFER)


def test_why_a_server_refuses_reaches_the_client() -> None:
    guard = Guard(NN, Protection.PRIVACY)
    guard.from_client(ASKED)
    refusal = fatal(CALL_ID_SASL, "org.apache.hadoop.security.AccessControlException", "no")
    assert guard.from_server(refusal) == refusal


@pytest.mark.parametrize(
    "content", [answer(0, b"x"), b"HTTP/1.1 400", (MAX_FRAME + 1).to_bytes(4, "big"), b"\xff" * 8]
)
def test_a_server_that_speaks_something_else(content: bytes) -> None:
    guard = Guard(NN, Protection.PRIVACY)
    guard.from_client(ASKED)
    with pytest.raises(RemoteProtocolError):
        guard.from_server(content)


@given(st.integers(1, 60))
def test_the_pieces_in_which_bytes_come_change_nothing(size: int) -> None:
    guard = Guard(NN, Protection.PRIVACY)

    def pieces(pass_on: object, data: bytes) -> bytes:
        assert callable(pass_on)
        return b"".join(pass_on(data[at : at + size]) for at in range(0, len(data), size))

    assert pieces(guard.from_client, ASKED) == ASKED
    offer = sasl(SaslState.NEGOTIATE, auths=(OFFER,))
    assert pieces(guard.from_server, offer) == offer
    answers = said(SaslState.INITIATE, AP_REQ, (OFFER,)) + said(SaslState.RESPONSE, CFX_SIGNED)
    assert pieces(guard.from_client, answers) == answers
    ended = CHALLENGE + CHALLENGE + SUCCESS + b"all else"
    assert pieces(guard.from_server, ended) == ended
    calls = said(SaslState.WRAP, CFX_SEALED) + b"all else"
    assert pieces(guard.from_client, calls) == calls


@given(st.binary(max_size=200))
def test_no_bytes_break_it(data: bytes) -> None:
    for pass_on in (
        Guard(NN, Protection.PRIVACY).from_server,
        agreed(Protection.PRIVACY).from_client,
    ):
        with contextlib.suppress(AuthenticationError, RemoteProtocolError):
            pass_on(data)
