"""Users of the cluster for whom sessions are started."""

from __future__ import annotations

import pytest

from yarnhub.sessions.users import (
    SERVICE_ACCOUNTS,
    DeniedUserError,
    InvalidUserError,
    check_user,
)


@pytest.mark.parametrize("name", ["alice", "o'brien", "user$", "admin+1", "J\u00fcrgen", "a.b-c_d"])
def test_users_of_all_kinds_are_taken(name: str) -> None:
    check_user(name, SERVICE_ACCOUNTS)


@pytest.mark.parametrize("name", ["hdfs", "HDFS", "Hdfs", "\uff48dfs", "Dr.Who", "ROOT"])
def test_denied_names_are_so_however_they_are_written(name: str) -> None:
    with pytest.raises(DeniedUserError):
        check_user(name, SERVICE_ACCOUNTS)
    with pytest.raises(DeniedUserError):
        check_user("service", {"Service"})


INVISIBLE = [
    *("\x00", "\x1b", "\x7f", "\x85", "\u00ad", "\u034f", "\u115f", "\u200b", "\u200d", "\u202e"),
    *("\u2060", "\u2028", "\u3164", "\ufe0f", "\ufeff", "\uffa0", "\ud800", "\U000e0101"),
]


@pytest.mark.parametrize("letter", [*INVISIBLE, " ", "\u00a0", "\t", ",", "/", "@", "\\", ":"])
def test_names_that_look_like_others_are_refused(letter: str) -> None:
    for name in (f"hd{letter}fs", f"alice{letter}", letter):
        with pytest.raises(InvalidUserError, match="cannot be a user of the cluster"):
            check_user(name, SERVICE_ACCOUNTS)


def test_an_empty_name_is_refused() -> None:
    with pytest.raises(InvalidUserError, match="cannot be a user of the cluster"):
        check_user("", SERVICE_ACCOUNTS)
