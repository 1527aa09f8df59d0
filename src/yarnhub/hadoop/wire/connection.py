"""One Hadoop RPC connection as a state machine: bytes in, events out, bytes to send.

    hrpc | 09 | 00 | auth        09: version, 00: service class; auth: 00 none, DF negotiation

and then frames both ways. A client that only names its user sends the connection context at once;
any other negotiates, authenticates, and then sends the context.

            .---------- challenge ----------.
            v                               |
    NEGOTIATING -- offer --> STEPPING -- stepped --> AUTHENTICATING
                                |                       |   success
                        nothing to prove                v
                                '--------------> READY or PROTECTED (a layer was agreed on)

Any state can change to CLOSED, by a fatal response or an error of the peer. The caller passes what
it reads to `receive`, executes `MechanismStep` events and passes the result to `respond`, and sends
what `take` returns after each call of a method. The events are the same however the stream is cut
into pieces.

Source: org.apache.hadoop.ipc.Client and Server; RpcHeader.proto (Hadoop 3.4).
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from yarnhub.base.errors import LocalProtocolError, RemoteProtocolError, YarnhubError
from yarnhub.hadoop.codec import delimited, encode, read_delimited
from yarnhub.hadoop.scalars import read_varint
from yarnhub.hadoop.wire.framing import FrameReader, frame
from yarnhub.hadoop.wire.headers import (
    CALL_ID_CONTEXT,
    CALL_ID_PING,
    CALL_ID_SASL,
    NO_RETRY_COUNT,
    IpcConnectionContext,
    RequestHeader,
    RpcKind,
    RpcOperation,
    RpcRequestHeader,
    RpcResponseHeader,
    RpcStatus,
    SaslMessage,
    SaslState,
    UserInformation,
)
from yarnhub.hadoop.wire.sasl import choose

if TYPE_CHECKING:
    from yarnhub.hadoop.wire.headers import SaslAuth
    from yarnhub.hadoop.wire.method import Protocol
    from yarnhub.hadoop.wire.protection import Layer
    from yarnhub.hadoop.wire.sasl import ChosenMechanism, Login, Mechanism

_PREAMBLE = b"hrpc\x09\x00"
_AUTH_NONE, _AUTH_SASL = b"\x00", b"\xdf"


@dataclass(frozen=True, slots=True)
class Ready:
    """Calls may be sent."""


@dataclass(frozen=True, slots=True)
class MechanismStep:
    """Pass `mechanism.step(challenge)`, which may block, to `RpcStateMachine.respond`."""

    mechanism: Mechanism
    challenge: bytes | None


@dataclass(frozen=True, slots=True)
class Answer:
    """A call was executed."""

    call_id: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Failed:
    """A call failed with a Java exception; the connection continues."""

    call_id: int
    java_class: str
    message: str


@dataclass(frozen=True, slots=True)
class Fatal:
    """The server closes the connection with a Java exception; a negative call id means no call."""

    call_id: int
    java_class: str
    message: str


@dataclass(frozen=True, slots=True)
class Broken:
    """The peer violated the protocol, or authentication failed."""

    error: YarnhubError


Event = Ready | MechanismStep | Answer | Failed | Fatal | Broken


class State(enum.Enum):
    """The state of a connection."""

    NEGOTIATING = "waiting for the server's offers"
    STEPPING = "making the next token"
    AUTHENTICATING = "waiting for the server's response to our token"
    READY = "open"
    PROTECTED = "open, under a layer"
    CLOSED = "closed"


class Input(enum.Enum):
    """The inputs of a connection."""

    OFFER = "the offers of the server"
    CHALLENGE = "a challenge of the server"
    SUCCESS = "the server's success"
    STEPPED = "our next token"
    UNPROVEN = "our choice to use no authentication"
    CALL = "our call"
    ANSWER = "a response of the server"
    WRAP = "a wrapped piece of the server"
    CLOSE = "the end"


TRANSITIONS: dict[tuple[State, Input], State] = {
    (State.NEGOTIATING, Input.OFFER): State.STEPPING,
    (State.STEPPING, Input.UNPROVEN): State.READY,
    (State.STEPPING, Input.STEPPED): State.AUTHENTICATING,
    (State.AUTHENTICATING, Input.CHALLENGE): State.STEPPING,
    (State.AUTHENTICATING, Input.SUCCESS): State.READY,  # PROTECTED if a layer was negotiated
    (State.READY, Input.CALL): State.READY,
    (State.READY, Input.ANSWER): State.READY,
    (State.PROTECTED, Input.CALL): State.PROTECTED,
    (State.PROTECTED, Input.WRAP): State.PROTECTED,
    **{(state, Input.CLOSE): State.CLOSED for state in State},
}
"""All legal transitions. A missing one is an error: ours or, for received input, the server's."""

_SASL_INPUTS = {
    SaslState.NEGOTIATE: Input.OFFER,
    SaslState.CHALLENGE: Input.CHALLENGE,
    SaslState.SUCCESS: Input.SUCCESS,
    SaslState.WRAP: Input.WRAP,
}


class RpcStateMachine:
    """The client's end of one connection to one protocol of one daemon.

    Args:
        protocol: The protocol.
        login: The user's login.
        client_id: 16 bytes that are the same on each connection of a client: with the call id, a
            server recognizes a repeated call.
        max_response: The largest frame that is accepted, in bytes.
    """

    def __init__(
        self, protocol: Protocol, login: Login, *, client_id: bytes, max_response: int
    ) -> None:
        self.state = State.NEGOTIATING if login.negotiates else State.READY
        self._protocol = protocol
        self._login = login
        self._client_id = client_id
        self._max_response = max_response
        self._outer = FrameReader(max_response)
        self._inner = FrameReader(max_response)
        self._choice: ChosenMechanism | None = None
        self._offered: SaslAuth | None = None
        self._layer: Layer | None = None
        self._waiting: set[int] = set()
        self._methods: dict[str, bytes] = {}
        self._out = [_PREAMBLE, _AUTH_SASL if login.negotiates else _AUTH_NONE]
        if login.negotiates:
            self._send_sasl(SaslState.NEGOTIATE)
        else:
            self._send_context(login.simple or UserInformation())

    @property
    def ready(self) -> bool:
        """Whether calls may be sent."""
        return self.state is State.READY or self.state is State.PROTECTED

    @property
    def closed(self) -> bool:
        """Whether it is closed."""
        return self.state is State.CLOSED

    def take(self) -> bytes:
        """The bytes to be sent now; empty if there are none."""
        taken = b"".join(self._out)
        self._out.clear()
        return taken

    def call(self, call_id: int, method: str, body: bytes, *, retry_count: int = 0) -> None:
        """Send a call; `Answer`, `Failed` or `Fatal` with its id is the result.

        Raises:
            LocalProtocolError: The connection is not ready, or the id is in use.
        """
        self._advance(Input.CALL)
        if call_id in self._waiting or call_id < 0:
            raise LocalProtocolError(f"call id {call_id} is invalid or in use")
        self._waiting.add(call_id)
        header = self._methods.get(method)
        if header is None:
            header = self._methods[method] = self._method_header(method)
        self._send(_request(call_id, self._client_id, retry_count), header, delimited(body))

    def _method_header(self, method: str) -> bytes:
        header = RequestHeader(
            method_name=method,
            declaring_class_protocol_name=self._protocol.name,
            client_protocol_version=self._protocol.version,
        )
        return delimited(encode(header))

    def ping(self) -> None:
        """Send a ping; it has no response."""
        self._advance(Input.CALL)
        self._send(_request(CALL_ID_PING, self._client_id, NO_RETRY_COUNT))

    def respond(self, token: bytes) -> None:
        """Send the token from the mechanism of a `MechanismStep`."""
        self._advance(Input.STEPPED)
        first, self._offered = self._offered, None
        self._send_sasl(SaslState.INITIATE if first else SaslState.RESPONSE, token, first)

    def receive(self, data: bytes) -> list[Event]:
        """Process received bytes. `Fatal` and `Broken` are the last events."""
        events: list[Event] = []
        if self.closed:
            return events
        try:
            for each in self._outer.feed(data):
                self._receive_frame(each, events, wrapped=False)
                if self.closed:
                    break
        except YarnhubError as error:
            self.close()
            events.append(Broken(error))
        return events

    def close(self) -> None:
        """Close it; nothing more is sent or received."""
        self._advance(Input.CLOSE)
        self._out.clear()
        self._waiting.clear()
        self._outer = self._inner = FrameReader(0)

    def _advance(self, what: Input) -> None:
        target = TRANSITIONS.get((self.state, what))
        if target is None:
            text = f"{what.value} does not belong to a connection that is {self.state.value}"
            ours = what in (Input.CALL, Input.STEPPED, Input.UNPROVEN)
            raise LocalProtocolError(text) if ours else RemoteProtocolError(text)
        self.state = target

    # -- receiving

    def _receive_frame(self, data: bytes, events: list[Event], *, wrapped: bool) -> None:
        header, at = read_delimited(RpcResponseHeader, data)
        call_id = header.call_id - (1 << 32) if header.call_id >> 31 else header.call_id
        if call_id == CALL_ID_SASL and header.status is RpcStatus.SUCCESS and not wrapped:
            message, end = read_delimited(SaslMessage, data, at)
            if end != len(data):
                raise RemoteProtocolError("bytes follow a SASL message")
            self._receive_sasl(message, events)
            return
        last_word = header.status is RpcStatus.FATAL or call_id < 0
        # With a layer, only a failure of the authentication itself may be unprotected.
        if not wrapped and (
            not last_word or (self.state is State.PROTECTED and call_id != CALL_ID_SASL)
        ):
            self._advance(Input.ANSWER)
        if header.status is RpcStatus.SUCCESS:
            self._receive_answer(call_id, data, at, events)
        else:
            self._receive_error(call_id, header, events)

    def _receive_answer(self, call_id: int, data: bytes, at: int, events: list[Event]) -> None:
        self._forget(call_id)
        length, at = read_varint(data, at, len(data))
        if length != len(data) - at:
            raise RemoteProtocolError(
                f"a response of {length} bytes is {len(data) - at} bytes long"
            )
        events.append(Answer(call_id, data[at:]))

    def _receive_error(self, call_id: int, header: RpcResponseHeader, events: list[Event]) -> None:
        java_class, message = header.exception_class_name, header.error_msg
        if header.status is RpcStatus.FATAL or call_id < 0:
            self.close()
            events.append(Fatal(call_id, java_class, message))
        else:
            self._forget(call_id)
            events.append(Failed(call_id, java_class, message))

    def _forget(self, call_id: int) -> None:
        if call_id not in self._waiting:
            raise RemoteProtocolError(
                f"a response arrived for call {call_id}, which is not pending"
            )
        self._waiting.remove(call_id)

    def _receive_sasl(self, message: SaslMessage, events: list[Event]) -> None:
        what = _SASL_INPUTS.get(message.state)
        if what is None:
            raise RemoteProtocolError(f"a server may not send SASL {message.state.name}")
        self._advance(what)
        match what:
            case Input.OFFER:
                self._receive_offers(message.auths, events)
            case Input.CHALLENGE:
                self._challenge(self._mechanism, message.token or b"", events)
            case Input.SUCCESS:
                self._succeed(self._mechanism, message.token, events)
            case _:
                self._receive_wrapped(message.token or b"", events)

    def _receive_offers(self, offers: tuple[SaslAuth, ...], events: list[Event]) -> None:
        choice = self._choice = choose(offers, self._login)
        self._offered = choice.auth
        if choice.mechanism is None:
            self._advance(Input.UNPROVEN)
            self._send_sasl(SaslState.INITIATE, b"", choice.auth)
            self._become_ready(events)
        else:
            self._challenge(choice.mechanism, choice.auth.challenge, events)

    @property
    def _mechanism(self) -> Mechanism:
        # The table allows no challenge and no success before a mechanism was chosen.
        assert self._choice is not None
        assert self._choice.mechanism is not None
        return self._choice.mechanism

    def _challenge(
        self, mechanism: Mechanism, challenge: bytes | None, events: list[Event]
    ) -> None:
        if mechanism.blocking:
            events.append(MechanismStep(mechanism, challenge))
        else:
            self.respond(mechanism.step(challenge))

    def _succeed(self, mechanism: Mechanism, final: bytes | None, events: list[Event]) -> None:
        self._layer = mechanism.finish(final)
        if self._layer is not None:
            self.state = State.PROTECTED
        self._become_ready(events)

    def _become_ready(self, events: list[Event]) -> None:
        assert self._choice is not None
        self._send_context(self._choice.user)
        events.append(Ready())

    def _receive_wrapped(self, token: bytes, events: list[Event]) -> None:
        assert self._layer is not None
        # The unwrapped data is a stream again: a piece may contain several frames, or part of one.
        for each in self._inner.feed(self._layer.unwrap(token)):
            self._receive_frame(each, events, wrapped=True)
            if self.closed:
                break

    # -- sending

    def _send_sasl(
        self, state: SaslState, token: bytes | None = None, auth: SaslAuth | None = None
    ) -> None:
        auths = () if auth is None else (replace(auth, challenge=None),)
        message = SaslMessage(state=state, token=token, auths=auths)
        head = _request(CALL_ID_SASL, b"", NO_RETRY_COUNT)
        self._out.append(frame(head, delimited(encode(message))))

    def _send_context(self, user: UserInformation) -> None:
        context = IpcConnectionContext(user_info=user, protocol=self._protocol.name)
        head = _request(CALL_ID_CONTEXT, self._client_id, NO_RETRY_COUNT)
        self._send(head, delimited(encode(context)))

    def _send(self, *parts: bytes) -> None:
        if self._layer is None:
            self._out.append(frame(*parts))
        else:
            self._send_sasl(SaslState.WRAP, self._layer.wrap(frame(*parts)))


def _request(call_id: int, client_id: bytes, retry_count: int) -> bytes:
    header = RpcRequestHeader(
        rpc_kind=RpcKind.RPC_PROTOCOL_BUFFER,
        rpc_op=RpcOperation.RPC_FINAL_PACKET,
        call_id=call_id,
        client_id=client_id,
        retry_count=retry_count,
    )
    return delimited(encode(header))
