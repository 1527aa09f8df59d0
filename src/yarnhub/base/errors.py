"""The one tree of errors.

::

    YarnhubError
    |-- ConfigurationError           a Hadoop file, flag or variable is missing or wrong
    |   `-- CredentialsError         a user's certificate or key: a new pair takes its place
    |-- SpecError                    a specification is wrong; says where (also ValueError)
    |   `-- SpecTypeError            a value in it is of the wrong type (also TypeError)
    |-- ConnectError                 nobody answered at an address; nothing was sent
    |-- ConnectionLostError          the connection ended during a call; says what is known of it
    |-- DeadlineExceededError        no answer in time (also TimeoutError)
    |-- AuthenticationError          who we are was not accepted, or who they are was not proven
    |-- LocalProtocolError           we broke a protocol: a fault of yarnhub
    |-- RemoteProtocolError          the peer broke a protocol
    |-- RemoteError                  the peer answered with an exception
    |   |-- AccessDeniedError
    |   |-- ApplicationNotFoundError
    |   |-- AttemptNotFoundError     YARN does not know this attempt any more: its AM must stop
    |   |-- InvalidRequestError      the request can never be granted as it is
    |   |-- NotRegisteredError       the ResourceManager was restarted: register again
    |   |-- ServerBusyError          the peer asks for the same again, later
    |   |-- StaleContainerError      the container is one of a ResourceManager before this one
    |   `-- StandbyError             this one of the pair is not active: ask the other
    |-- NotBegunError                no container of the application has begun to run
    |-- ApplicationFailedError       the application ended before it got where it was awaited
    `-- ControlError                 an ApplicationMaster refused a request

Each class says by `retriable` whether the same request may be sent again by itself.
"""

from __future__ import annotations

import enum


class Outcome(enum.Enum):
    """What is known of a remote call that did not end with an answer."""

    NOT_SENT = "not sent"
    """No byte of the request left this process: sending it again is always safe."""
    REFUSED = "refused"
    """The peer answered that it did not and will not carry the call out."""
    UNKNOWN = "unknown"
    """The request may have been carried out: only an idempotent method may be repeated."""


class YarnhubError(Exception):
    """The root of every error that yarnhub raises on purpose."""

    retriable: bool = False


class ConfigurationError(YarnhubError):
    """A Hadoop file, a flag or a variable is missing or wrong."""


class CredentialsError(ConfigurationError):
    """A user's certificate or key is missing or cannot be read: a new pair takes its place."""


class SpecError(YarnhubError, ValueError):
    """An application specification is wrong.

    Attributes:
        path: The key path in the document, e.g. `services.jupyter.resources.memory`;
            empty for the document itself.
        reason: What is wrong there and what to do.
    """

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}" if path else reason)
        self.path = path
        self.reason = reason


class SpecTypeError(SpecError, TypeError):
    """A value in a specification is of the wrong type: a number where there has to be a text."""


class ConnectError(YarnhubError, ConnectionError):
    """Nobody answered at an address. Nothing was sent."""

    retriable = True


class ConnectionLostError(YarnhubError, ConnectionError):
    """The connection ended while a call was under way; `outcome` says what is known of it."""

    def __init__(self, message: str, outcome: Outcome) -> None:
        super().__init__(message)
        self.outcome = outcome
        self.retriable = outcome is Outcome.NOT_SENT


class DeadlineExceededError(YarnhubError, TimeoutError):
    """No answer came in time; `outcome` says what is known of the request."""

    def __init__(self, message: str, outcome: Outcome = Outcome.UNKNOWN) -> None:
        super().__init__(message)
        self.outcome = outcome


class AuthenticationError(YarnhubError):
    """Who we are was not accepted, or who the peer is was not proven."""


class LocalProtocolError(YarnhubError):
    """yarnhub used a protocol wrongly: a fault of ours, to be reported."""


class RemoteProtocolError(YarnhubError):
    """The peer sent something that its protocol does not allow; the connection is closed."""


class RemoteError(YarnhubError):
    """The peer answered a call with an exception.

    Attributes:
        java_class: The full name of the Java exception.
        message: Its message, without the Java stack.
        method: The RPC that was answered; empty while connecting.
        address: `host:port` of the peer.
        details: What the peer said, the beginning of the Java stack included.
    """

    def __init__(
        self,
        java_class: str,
        message: str,
        *,
        method: str = "",
        address: str = "",
        details: str = "",
    ) -> None:
        name = java_class.rpartition(".")[2]
        at = f" ({method or 'connecting'} at {address})" if address else ""
        super().__init__(f"{message or name}{at}")
        self.java_class = java_class
        self.message = message
        self.method = method
        self.address = address
        self.details = details


class AccessDeniedError(RemoteError):
    """The peer knows who we are and does not allow the call."""


class ApplicationNotFoundError(RemoteError):
    """The ResourceManager has no application of this id."""


class AttemptNotFoundError(RemoteError):
    """The ResourceManager no longer knows this application attempt: its AM must stop."""


class InvalidRequestError(RemoteError):
    """The request can never be granted as it is: unknown queue, more than the largest container."""


class NotRegisteredError(RemoteError):
    """The ResourceManager was restarted since this AM registered: register again."""


class ServerBusyError(RemoteError):
    """The peer cannot serve the call now and asks to be called again."""

    retriable = True


class StaleContainerError(RemoteError):
    """The container was given by a ResourceManager before this one, and was not started in time."""


class StandbyError(RemoteError):
    """This ResourceManager or NameNode is not the active one of its pair."""

    retriable = True


class NotBegunError(YarnhubError):
    """No container of the application has begun to run: an explanation of it says why.

    Attributes:
        application_id: Which one.
    """

    def __init__(self, application_id: str, state: str) -> None:
        super().__init__(f"{application_id} is {state}, and none of its containers has begun")
        self.application_id = application_id


class ApplicationFailedError(YarnhubError):
    """The application ended before it got where it was awaited.

    Attributes:
        application_id: Which one.
        state: Its final state as YARN names it.
        diagnostics: Why, in plain words as far as there are any, with what YARN says.
    """

    def __init__(self, application_id: str, state: str, diagnostics: str) -> None:
        said = f": {diagnostics.strip()}" if diagnostics.strip() else ""
        super().__init__(f"{application_id} is {state}{said}")
        self.application_id = application_id
        self.state = state
        self.diagnostics = diagnostics


class ControlError(YarnhubError):
    """An ApplicationMaster refused a request.

    Attributes:
        code: `invalid` where the request is wrong, `ended` where the application ends or has ended,
            `full` where it has no room for more, `not-allowed` where it answers no such requests,
            `unknown-request` where it is of another version.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
