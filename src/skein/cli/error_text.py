"""Errors as the command line shows them: with the command that helps."""

from __future__ import annotations

from yarnhub.base.errors import CredentialsError, NotBegunError


def in_words(error: Exception) -> str:
    """What the user reads of an error of yarnhub's, or of one of skein's that it led to."""
    for found in (error, error.__cause__):
        match found:
            case CredentialsError():
                return f"{found}; `skein config gencerts --force` makes new ones"
            case NotBegunError():
                return f"{found}: `skein application explain {found.application_id}` says why"
            case _:
                pass
    return str(error)
