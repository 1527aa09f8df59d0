from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import pytest

from yarnhub.appmaster.shell.web import access as module
from yarnhub.appmaster.shell.web.access import Access
from yarnhub.spec import ACLs

if TYPE_CHECKING:
    from yarnhub.appmaster.shell.server.http import Request


class Head:
    """As much of a request as is looked at."""

    def __init__(self, cookie: str) -> None:
        self._cookie = cookie

    def header(self, name: str) -> str:
        return self._cookie if name == "cookie" else ""


def request(cookie: str) -> Request:
    return Head(cookie)  # type: ignore[return-value]  # it stands for one


def access(acls: ACLs | None = None, *, anybody: bool = False) -> Access:
    return Access(["http://localhost:8088"], "alice", acls or ACLs(), anybody=anybody)


@pytest.mark.parametrize(
    ("cookie", "user"),
    [
        ("proxy-user=bob", "bob"),
        ("a=1; proxy-user=bob; b=2", "bob"),
        ("a=1;proxy-user=bob", "bob"),
        ("proxy-user=bob%40EXAMPLE.COM", "bob@EXAMPLE.COM"),
        ("proxy-user=bob; proxy-user=alice", "bob"),
        ("", None),
        ("proxy-user=", None),
        ("not-proxy-user=alice", None),
        ("x=proxy-user=alice", None),
    ],
)
def test_the_user_is_whom_the_proxy_names(cookie: str, user: str | None) -> None:
    assert access().user(request(cookie)) == user


@pytest.mark.parametrize(
    ("acls", "let_in", "kept_out"),
    [
        (ACLs(), ["alice", "bob", None], []),
        (ACLs(ui_users=["bob"]), ["alice", "bob", "eve", None], []),  # not enabled
        (ACLs(enable=True), ["alice"], ["bob", None, ""]),
        (ACLs(enable=True, ui_users=["bob"]), ["alice", "bob"], ["eve", None]),
        (ACLs(enable=True, ui_users=["*"]), ["alice", "bob", None], []),
        (ACLs(enable=True, view_users=["*"], modify_users=["*"]), ["alice"], ["bob", None]),
    ],
)
def test_acls_say_who_may_open_the_pages(
    acls: ACLs, let_in: list[str | None], kept_out: list[str | None]
) -> None:
    for anybody in (False, True):
        rules = access(acls, anybody=anybody)
        assert all(rules.may_open(user) for user in let_in)
        assert not any(rules.may_open(user) for user in kept_out)


def test_values_are_read_by_the_owner_and_those_who_are_listed() -> None:
    assert access().may_read("alice")
    assert not access().may_read("bob")
    assert not access().may_read(None)
    assert not access(ACLs(ui_users=["*"])).may_read("bob"), "the lists are not enabled"
    assert access(ACLs(enable=True, ui_users=["bob"])).may_read("bob")


def test_where_nobody_is_proven_to_be_anybody_values_are_no_secret_unless_acls_say_so() -> None:
    assert access(anybody=True).may_read("bob")
    assert access(anybody=True).may_read(None)
    assert not access(ACLs(enable=True), anybody=True).may_read("bob")


async def test_only_a_proxys_host_is_one() -> None:
    rules = access()
    assert await rules.is_proxy("127.0.0.1")
    assert await rules.is_proxy("::ffff:127.0.0.1"), "as a socket for both versions names it"
    for other in ("127.0.0.2", "10.0.0.1", "", "::ffff:127.0.0.2"):
        assert not await rules.is_proxy(other)
    nobody = Access([], "alice", ACLs(), anybody=False)
    assert not await nobody.is_proxy("127.0.0.1")


async def test_a_proxy_on_loopback_may_send_from_the_hosts_own_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def resolve(host: str) -> set[str]:
        return {"localhost": {"127.0.0.1", "::1"}, "node": {"10.0.0.7"}, "rm": {"10.0.0.8"}}[host]

    monkeypatch.setattr(module, "_resolve", resolve)
    monkeypatch.setattr(socket, "gethostname", lambda: "node")
    rules = access()
    for address in ("127.0.0.1", "::1", "10.0.0.7"):
        assert await rules.is_proxy(address)
    assert not await rules.is_proxy("10.0.0.8")
    elsewhere = Access(["http://rm:8088"], "alice", ACLs(), anybody=False)
    assert await elsewhere.is_proxy("10.0.0.8")
    assert not await elsewhere.is_proxy("10.0.0.7"), "the AM's own host is no proxy's then"


async def test_a_hosts_addresses_are_looked_up_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    answers: list[Any] = ["10.0.0.1", "10.0.0.2", OSError("no name service"), "10.0.0.3"]
    asked = []

    monkeypatch.setattr(socket, "gethostname", lambda: "localhost")

    async def resolve(host: str) -> set[str]:
        asked.append(host)
        answer = answers[len(asked) - 1]
        return set() if isinstance(answer, OSError) else {answer}

    monkeypatch.setattr(module, "_resolve", resolve)
    rules = access()
    assert await rules.is_proxy("10.0.0.1")
    assert await rules.is_proxy("10.0.0.1")
    assert asked == ["localhost"], "what is known is good for a while"
    monkeypatch.setattr(module, "_CACHE_SECONDS", 0.0)
    rules._until = 0.0
    assert await rules.is_proxy("10.0.0.2")
    assert await rules.is_proxy("10.0.0.2"), "while names cannot be resolved the old are good"
    assert await rules.is_proxy("10.0.0.3")


async def test_a_name_that_nobody_knows_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object, **keywords: object) -> list[Any]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    assert not await access().is_proxy("127.0.0.1")
