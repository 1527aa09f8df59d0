"""Translation of Java exceptions to our errors."""

from __future__ import annotations

import re

from yarnhub.base.errors import (
    AccessDeniedError,
    ApplicationNotFoundError,
    AttemptNotFoundError,
    AuthenticationError,
    InvalidRequestError,
    NotRegisteredError,
    QueueAccessDeniedError,
    RemoteError,
    ServerBusyError,
    StaleContainerError,
    StandbyError,
    YarnhubError,
)
from yarnhub.base.foreign_text import clean_and_cut

_CLASSES: dict[str, type[RemoteError]] = {
    "AccessControlException": AccessDeniedError,
    "AuthorizationException": AccessDeniedError,
    "SecurityException": AccessDeniedError,
    "ApplicationNotFoundException": ApplicationNotFoundError,
    "ApplicationAttemptNotFoundException": AttemptNotFoundError,
    "ApplicationMasterNotRegisteredException": NotRegisteredError,
    "InvalidAllocationTagsQueryException": InvalidRequestError,
    "InvalidApplicationMasterRequestException": InvalidRequestError,
    "InvalidContainerReleaseException": InvalidRequestError,
    "InvalidLabelResourceRequestException": InvalidRequestError,
    "InvalidResourceBlacklistRequestException": InvalidRequestError,
    "InvalidResourceRequestException": InvalidRequestError,
    "ResourceNotFoundException": InvalidRequestError,
    "SchedulerInvalidResoureRequestException": InvalidRequestError,
    "InvalidContainerException": StaleContainerError,
    "StandbyException": StandbyError,
    "RetriableException": ServerBusyError,
}
"""By simple name: the same class moved between packages from Hadoop 2 to 3."""

_WRAPPER = "YarnException"
"""The exception in which the ResourceManager wraps others, such as AccessControlException: see
RPCUtil.getRemoteException."""
_WRAPPED = re.compile(r"((?:\w+\.)+[\w$]*(?:Exception|Error)): ")
"""The text of a wrapped exception: `class.Name: message`."""

_TARGET_QUEUE = "the target queue doesn't exist"
"""The exception's class is the same as for an application of another user.
Source: ClientRMService.moveApplicationAcrossQueues."""

_ADVICE = {
    "is not allowed to impersonate": (
        "the cluster's core-site.xml must allow it with hadoop.proxyuser.*.hosts and "
        "hadoop.proxyuser.*.users or .groups"
    ),
    "SIMPLE authentication is not enabled": (
        "this cluster requires Kerberos: set hadoop.security.authentication to kerberos and run"
        " kinit"
    ),
    "Request is a replay": "several connections of one principal started at once",
    "Clock skew": "the clocks of this host and the server differ by more than 5 minutes",
}


def translate(java_class: str, text: str, *, method: str = "", address: str = "") -> YarnhubError:
    """The error for a Java exception.

    Args:
        java_class: Its full name.
        text: Its message, with the Java stack below it as Hadoop sends it.
        method: The call; empty for the connection itself.
        address: The server's address.
    """
    text = clean_and_cut(text)
    message = text.partition("\n")[0].strip()
    message = message.removeprefix(f"{java_class}: ")
    wrapped = _WRAPPED.match(message) if _simple_name(java_class) == _WRAPPER else None
    if wrapped:
        java_class, message = wrapped[1], message[wrapped.end() :]
    name = _simple_name(java_class)
    for sign, advice in _ADVICE.items():
        if sign in message:
            message = f"{message}: {advice}"
    if _is_unknown_attempt(name, message):
        return AttemptNotFoundError(
            java_class, message, method=method, address=address, details=text
        )
    if _is_authentication(name, message):
        error = AuthenticationError(f"{address} refused the connection: {message or name}")
        # A server that mistook two valid connections for a replay will accept a retry.
        error.retriable = "Request is a replay" in message
        return error
    found = _CLASSES.get(name, RemoteError)
    if found is AccessDeniedError and _TARGET_QUEUE in message:
        found = QueueAccessDeniedError
    return found(java_class, message, method=method, address=address, details=text)


def _simple_name(java_class: str) -> str:
    return java_class.rpartition(".")[2].rpartition("$")[2]


def _is_unknown_attempt(name: str, message: str) -> bool:
    # A ResourceManager that took over, or was restarted, has no record of finished attempts, and
    # reports this for their tokens (AMRMTokenSecretManager.retrievePassword).
    return name == "InvalidToken" and "not found in AMRMTokenSecretManager" in message


def _is_authentication(name: str, message: str) -> bool:
    if name in {"InvalidToken", "SaslException", "SASLException", "GSSException"}:
        return True
    signs = ("SIMPLE authentication is not enabled", "Client cannot authenticate", "GSS initiate")
    return name == "AccessControlException" and any(sign in message for sign in signs)
