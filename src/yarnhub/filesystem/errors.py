"""Errors of file systems, and their translation from Java's exceptions.

    YarnhubError
    `-- FileSystemError              the file system refused; names path and reason
        |-- PathNotFoundError        the path does not exist (also FileNotFoundError)
        |-- PathExistsError          the path already exists (also FileExistsError)
        |-- AclsUnavailableError     it has no access control lists, or they are disabled
        |-- InvalidNameError         the name is not allowed
        |-- QuotaExceededError       a quota of names or bytes is exceeded
        `-- SafeModeError            the NameNode is read-only for now (retriable)

A refused permission is `AccessDeniedError` and a failing connection `ConnectError` or
`ConnectionLostError`, as everywhere.
"""

from __future__ import annotations

from yarnhub.base.errors import (
    AccessDeniedError,
    AuthenticationError,
    StandbyError,
    YarnhubError,
)
from yarnhub.base.foreign_text import clean_and_cut
from yarnhub.hadoop.ipc.translation import translate


class FileSystemError(YarnhubError):
    """A file system refused a request.

    Attributes:
        path: The full URL.
        reason: The message of the file system.
    """

    def __init__(self, action: str, path: str, reason: str) -> None:
        super().__init__(f"cannot {action} {path}: {reason}")
        self.path = path
        self.reason = reason


class PathNotFoundError(FileSystemError, FileNotFoundError):
    """The path does not exist."""


class PathExistsError(FileSystemError, FileExistsError):
    """The path already exists."""


class AclsUnavailableError(FileSystemError):
    """The file system has no access control lists, or they are disabled."""


class InvalidNameError(FileSystemError, ValueError):
    """The file system does not allow the name."""


class QuotaExceededError(FileSystemError):
    """The quota of a parent directory, of names or of bytes, is exceeded."""


class SafeModeError(FileSystemError):
    """The NameNode is in safe mode: it is read-only."""

    retriable = True


_REFUSALS: dict[str, type[FileSystemError]] = {
    "NSQuotaExceededException": QuotaExceededError,
    "DSQuotaExceededException": QuotaExceededError,
    "QuotaByStorageTypeExceededException": QuotaExceededError,
    "InvalidPathException": InvalidNameError,
    "PathComponentTooLongException": InvalidNameError,
}


def translate_java(java_class: str, text: str, *, action: str, path: str) -> YarnhubError:
    """The error for a Java exception of a NameNode or DataNode.

    Args:
        java_class: The full name of the Java exception.
        text: Its message, with or without the Java stack.
        action: What was attempted, such as `read`.
        path: The full URL of the attempt.
    """
    name = java_class.rpartition(".")[2].rpartition("$")[2]
    reason = clean_and_cut(text).partition("\n")[0].strip() or name
    message = f"cannot {action} {path}: {reason}"
    refused = translate(java_class, text)
    # WebHDFS wraps it: in a SecurityException, or a RetriableException while one becomes active.
    if isinstance(refused, AuthenticationError) or "SecretManager$InvalidToken" in reason:
        advice = ": this cluster requires Kerberos" if name == "AccessControlException" else ""
        return AuthenticationError(f"{message}{advice}")
    if isinstance(refused, AccessDeniedError | StandbyError):
        return type(refused)(java_class, message)
    match name:
        # A pair of NameNodes wraps it in a RetriableException.
        case _ if name == "SafeModeException" or "Name node is in safe mode" in reason:
            return SafeModeError(action, path, reason)
        # A rename of a file to a directory, or the other way round: no class of its own.
        case _ if name == "FileAlreadyExistsException" or "must both be directories" in reason:
            return PathExistsError(action, path, reason)
        case "AclException" if "dfs.namenode.acls.enabled" in reason:
            return AclsUnavailableError(action, path, reason)
        case _ if name in _REFUSALS:
            return _REFUSALS[name](action, path, reason)
        case "FileNotFoundException" if "is not a file" not in reason:
            return PathNotFoundError(action, path, "it does not exist")
        case _:
            return FileSystemError(action, path, reason)
