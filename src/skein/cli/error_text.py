"""The text of errors on the command line, with the command that helps."""

from __future__ import annotations

from yarnhub.base.errors import CredentialsError, NotBegunError


def error_text(error: Exception) -> str:
    """The text of an error of yarnhub's, or of skein's with such a cause."""
    for found in (error, error.__cause__):
        match found:
            case CredentialsError():
                return f"{found}; `skein config gencerts --force` creates new ones"
            case NotBegunError():
                return f"{found}: `skein application explain {found.application_id}` says why"
            case _:
                pass
    return str(error)
