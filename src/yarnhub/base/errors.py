"""The errors that yarnhub raises.

::

    YarnhubError
    |-- ConfigurationError           a Hadoop file, flag or variable is missing or wrong
    |   `-- CredentialsError         a user's certificate or key is missing or unreadable
    |-- SpecError                    a specification is invalid; names the key (also ValueError)
    |   `-- SpecTypeError            a value in it is of the wrong type (also TypeError)
    |-- ConnectError                 connecting to an address failed; nothing was sent
    |-- ConnectionLostError          the connection was lost during a call; has its outcome
    |-- DeadlineExceededError        no response in time (also TimeoutError)
    |-- AuthenticationError          the client or the server could not be authenticated
    |-- LocalProtocolError           yarnhub violated a protocol: a bug
    |-- RemoteProtocolError          the peer violated a protocol
    |-- RemoteError                  the peer responded with an exception
    |   |-- AccessDeniedError
    |   |   `-- QueueAccessDeniedError  a queue does not exist, or the user may not submit to it
    |   |-- ApplicationNotFoundError
    |   |-- AttemptNotFoundError     YARN has no record of this attempt: its AM must stop
    |   |-- InvalidRequestError      the request can never be granted
    |   |-- NotRegisteredError       the ResourceManager was restarted: register again
    |   |-- ServerBusyError          the peer asks for a retry later
    |   |-- StaleContainerError      the container was allocated by an earlier ResourceManager
    |   `-- StandbyError             this one of the pair is not active: try the other
    |-- NotBegunError                no container of the application has started
    `-- ControlError                 an ApplicationMaster refused a request

`retriable` of each class is whether the same request may be retried automatically.
"""

from __future__ import annotations

import enum


class CallOutcome(enum.Enum):
    """What is known about a remote call that failed."""

    NOT_SENT = "not sent"
    """No byte of the request left this process: sending it again is always safe."""
    REFUSED = "refused"
    """The peer refused the call and did not execute it."""
    UNKNOWN = "unknown"
    """The request may have been executed: only an idempotent method may be retried."""


class YarnhubError(Exception):
    """The root of every error that yarnhub raises on purpose."""

    retriable: bool = False


class ConfigurationError(YarnhubError):
    """A Hadoop file, a flag or a variable is missing or wrong."""


class CredentialsError(ConfigurationError):
    """A user's certificate or key is missing or unreadable: create a new pair."""


_MAX_PATH = 300
"""Characters of a path in a message: the keys are whatever somebody has written."""


class SpecError(YarnhubError, ValueError):
    """An application specification is invalid.

    Attributes:
        path: The key path in the document, e.g. `services.jupyter.resources.memory`;
            empty for the document itself.
        reason: The problem and what to do.
    """

    def __init__(self, path: str, reason: str) -> None:
        shown = path if len(path) <= _MAX_PATH else f"{path[:_MAX_PATH]}..."
        super().__init__(f"{shown}: {reason}" if path else reason)
        self.path = path
        self.reason = reason


class SpecTypeError(SpecError, TypeError):
    """A value in a specification is of the wrong type: for example a number instead of a text."""


class ConnectError(YarnhubError, ConnectionError):
    """Connecting to an address failed. Nothing was sent."""

    retriable = True


class ConnectionLostError(YarnhubError, ConnectionError):
    """The connection was lost during a call; `outcome` is what is known about it."""

    def __init__(self, message: str, outcome: CallOutcome) -> None:
        super().__init__(message)
        self.outcome = outcome
        self.retriable = outcome is CallOutcome.NOT_SENT


class DeadlineExceededError(YarnhubError, TimeoutError):
    """There was no response in time; `outcome` is what is known about the request."""

    def __init__(self, message: str, outcome: CallOutcome = CallOutcome.UNKNOWN) -> None:
        super().__init__(message)
        self.outcome = outcome


class AuthenticationError(YarnhubError):
    """The client or the peer could not be authenticated."""


class LocalProtocolError(YarnhubError):
    """yarnhub violated a protocol: a bug that you should report."""


class RemoteProtocolError(YarnhubError):
    """The peer sent something that its protocol does not allow; the connection is closed."""


class RemoteError(YarnhubError):
    """The peer responded to a call with an exception.

    Attributes:
        java_class: The full name of the Java exception.
        message: Its message, without the Java stack.
        method: The RPC; empty while connecting.
        address: `host:port` of the peer.
        details: The peer's full message, including the beginning of the Java stack.
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
    """The peer does not allow the user to make the call."""


class QueueAccessDeniedError(AccessDeniedError):
    """The queue does not exist, or does not allow the user to submit; YARN does not tell which."""


class ApplicationNotFoundError(RemoteError):
    """The ResourceManager has no application with this id."""


class AttemptNotFoundError(RemoteError):
    """The ResourceManager has no record of this application attempt: its AM must stop."""


class InvalidRequestError(RemoteError):
    """The request can never be granted: unknown queue, more than the largest container."""


class NotRegisteredError(RemoteError):
    """The ResourceManager was restarted since this AM registered: register again."""


class ServerBusyError(RemoteError):
    """The peer cannot handle the call now: retry later."""

    retriable = True


class StaleContainerError(RemoteError):
    """The container was allocated by an earlier ResourceManager, and not started in time."""


class StandbyError(RemoteError):
    """This ResourceManager or NameNode is not the active one of its pair."""

    retriable = True


class NotBegunError(YarnhubError):
    """No container of the application has started: see `explain`.

    Attributes:
        application_id: The application's id.
    """

    def __init__(self, application_id: str, state: str) -> None:
        super().__init__(f"{application_id} is {state}, and none of its containers has started")
        self.application_id = application_id


class FailureCode(enum.StrEnum):
    """Why an ApplicationMaster refuses a request."""

    INVALID = "invalid"
    """The request is wrong."""
    ENDED = "ended"
    """The application ends, or has ended."""
    FULL = "full"
    """There is no room for more."""
    NOT_ALLOWED = "not-allowed"
    """No such requests are answered here."""
    UNKNOWN_REQUEST = "unknown-request"
    """It is of another version."""
    OTHER = "other"
    """A reason of another version; see the message."""

    @classmethod
    def _missing_(cls, value: object) -> FailureCode | None:
        return cls.OTHER if isinstance(value, str) else None


class ControlError(YarnhubError):
    """An ApplicationMaster refused a request.

    Attributes:
        code: `invalid` if the request is wrong, `ended` if the application is ending or has ended,
            `full` if it has reached a limit, `not-allowed` if it does not accept such requests,
            `unknown-request` if its version differs, `other` for a reason of another version.
    """

    def __init__(self, code: FailureCode, message: str) -> None:
        super().__init__(message)
        self.code = code
