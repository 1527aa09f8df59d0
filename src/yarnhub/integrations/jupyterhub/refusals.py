"""What users of the hub read when their server is not started."""

from __future__ import annotations

import re
import unicodedata
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING

from jupyterhub.spawner import SpawnException
from tornado.web import HTTPError

from yarnhub.base.errors import (
    AccessDeniedError,
    ApplicationFailedError,
    AuthenticationError,
    ConfigurationError,
    ConnectError,
    ConnectionLostError,
    DeadlineExceededError,
    InvalidRequestError,
    RemoteError,
    SpecError,
    YarnhubError,
)
from yarnhub.base.foreign_text import clean_and_cut

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from logging import Logger

SYSTEM_USERS = frozenset(
    {
        *("root", "hdfs", "yarn", "mapred", "hadoop", "hive", "hbase", "spark", "zookeeper"),
        *("kafka", "impala", "oozie", "hue", "livy", "knox", "ranger", "kudu", "solr", "tez"),
        *("daemon", "bin", "sys", "nobody", "dr.who"),
    }
)
"""Accounts of services: whoever acts for them owns the cluster."""


_STRANGE = re.compile(
    r"[\s,/@\\:\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\uffa0\ufe00-\ufe0f"
    r"\U000e0100-\U000e01ef]"
)
"""Separators, and what is invisible though Unicode counts it among letters and marks."""


class Refusal(SpawnException):
    """A refusal whose words the hub's pages show as they are.

    Args:
        message: For the user and the log; words of others may be in it.
        reason: A word for it, in the hub's metrics.
        status_code: HTTP's.
    """

    def __init__(
        self, message: str, *, reason: str, status_code: int = HTTPStatus.BAD_REQUEST
    ) -> None:
        super().__init__(clean_and_cut(message), reason=reason, status_code=status_code)

    @property
    def jupyterhub_message(self) -> str:
        """What pages show; without it they show the class and the status too, or nothing."""
        return str(self.message)


class LinkError(YarnhubError):
    """A link has chosen a server, and nothing is started by it alone: the form says so."""

    jupyterhub_message = ""


def comparable(name: str) -> str:
    """A name as it is compared: many directories take names in any case, and in any width."""
    return unicodedata.normalize("NFKC", name).casefold()


def refuse_user(name: str, owner: str, denied: Collection[str]) -> None:
    """Refuse a cluster user that no server is started for.

    Raises:
        SpawnException: Says whom and why.
    """
    # A name travels in ACLs, folders and principals: YARN knows none with these. What cannot be
    # seen makes one name look like another.
    if not name or not name.isprintable() or _STRANGE.search(name):
        raise Refusal(
            f"{name!r} cannot be a user of the cluster. You are logged in as {owner!r}; the "
            "administrator maps names by `c.YarnSpawner.cluster_user`.",
            reason="user",
        )
    if comparable(name) in set(map(comparable, denied)):
        raise Refusal(
            f"No server is started for {name!r}: it is an account of the system's "
            "(`c.YarnSpawner.denied_users`).",
            reason="user",
        )


def refusal(error: YarnhubError) -> Refusal:
    """What a user reads of an error that has ended the start of a server."""
    match error:
        case SpecError():
            return Refusal(f"Your server cannot be started: {error}.", reason="limit")
        case ApplicationFailedError():
            said = error.diagnostics or str(error)
            return Refusal(f"YARN refused your server: {said}", reason="refused")
        case AccessDeniedError():
            said = f"The hub may not start your server: {error}."
            return Refusal(said, reason="denied", status_code=HTTPStatus.FORBIDDEN)
        case InvalidRequestError():
            return Refusal(f"YARN refused your server: {error}.", reason="refused")
        case ConfigurationError() | AuthenticationError():
            said = f"The hub is not set up as it should be: {error}. Tell its administrator."
            return Refusal(said, reason="hub", status_code=HTTPStatus.INTERNAL_SERVER_ERROR)
        case ConnectError() | ConnectionLostError() | DeadlineExceededError():
            said = f"Your server was not started, since the cluster does not answer: {error}."
        case RemoteError():
            said = f"Your server was not started, since the cluster refused something: {error}."
        case _:
            said = f"Your server was not started: {error}."
    return Refusal(said, reason="cluster", status_code=HTTPStatus.SERVICE_UNAVAILABLE)


@contextmanager
def telling_why(log: Logger, who: str) -> Iterator[None]:
    """Have an error say to a user why there is no server.

    Raises:
        SpawnException: With words for the user, whatever the error was.
    """
    try:
        yield
    except HTTPError:  # a refusal, or what a hook says
        raise
    except YarnhubError as error:
        raise refusal(error) from error
    except Exception as error:
        log.exception("%s's server is not started", who)
        raise Refusal(
            "Your server was not started: something went wrong in the hub, whose log says more. "
            "Tell its administrator.",
            reason="error",
            status_code=HTTPStatus.INTERNAL_SERVER_ERROR,
        ) from error
