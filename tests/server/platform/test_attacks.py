"""What somebody may try who has no account, or wants more than the own account allows."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import socket
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import httpx
import pytest

from server.platform.answers import problem, until
from server.platform.logged import listening
from server.platform.populated import HOSTILE, SECRET
from server.platform.serving import platform
from yarnhub.server.hub.login import FRESH
from yarnhub.server.platform.app import STREAMS, application
from yarnhub.server.platform.pages.login import COOKIE
from yarnhub.server.platform.service import Slots
from yarnhub.watch.visibility import NO_ONE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from server.platform.populated import Populated

IDENTITIES = ["X-Forwarded-User", "X-Remote-User", "Remote-User", "X-Auth-Request-User", "Doas"]
API = {
    path: [method.upper() for method in methods]
    for path, methods in application(SimpleNamespace(prefix="/hub")).openapi()["paths"].items()  # type: ignore[arg-type]  # enough
}
PAGES = {
    "/hub/applications": ["GET"],
    "/hub/applications/{application_id}": ["GET"],
    "/hub/applications/{application_id}/changes": ["GET"],
    "/hub/applications/{application_id}/kill": ["POST"],
    "/hub/applications/{application_id}/logs": ["GET"],
    "/hub/applications/{application_id}/logs/{container_id}/{name}": ["GET"],
    "/hub/applications/{application_id}/logs/{container_id}/{name}/download": ["GET"],
    "/hub/applications/{application_id}/logs/{container_id}/{name}/changes": ["GET"],
    "/hub/applications/{application_id}/move": ["POST"],
    "/hub/": ["GET"],
    "/hub/home/changes": ["GET"],
    "/hub/servers/start": ["POST"],
    "/hub/servers/stop": ["POST"],
    "/hub/environments": ["GET"],
    "/hub/environments/new": ["GET"],
    "/hub/environments/check": ["POST"],
    "/hub/environments/build": ["POST"],
    "/hub/environments/{owner}/{name}": ["GET"],
    "/hub/environments/{owner}/{name}/share": ["POST"],
    "/hub/environments/{owner}/{name}/delete": ["POST"],
    "/hub/builds/{application_id}": ["GET"],
    "/hub/builds/{application_id}/changes": ["GET"],
    "/hub/builds/{application_id}/cancel": ["POST"],
    "/hub/cluster": ["GET"],
    "/hub/logout": ["POST"],
}
WITH_IDS = [(path, each) for path in [*API, *PAGES] if "{" in path for each in (API | PAGES)[path]]
SHOWN_TO_ALL = (
    "/hub/applications/{application_id}",
    "/hub/applications/{application_id}/changes",
)
"""Pages of what YARN shows to everybody in its list."""
ENVIRONMENT = "/hub/api/v1/environments/{owner}/{name}"
WRONG_IDS = {
    "parent": "..",
    "parents": "..%2f..%2fetc%2fpasswd",
    "encoded twice": "%252e%252e%252fx",
    "absolute": "%2fetc%2fpasswd",
    "zero": "%00",
    "zero at the end": "x.log%00",
    "not UTF-8": "%ff%fe",
    "header": "x%0d%0aSet-Cookie:%20a=b",
    "markup": quote(HOSTILE, safe=""),
    "long": "a" * 10_000,
}
MEGABYTES = 10


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: http.client.HTTPMessage
    text: str

    @property
    def status_code(self) -> int:
        return self.status

    def json(self) -> Any:
        return json.loads(self.text)


def send(
    everything: Populated, method: str, path: str, headers: Mapping[str, str], body: bytes = b""
) -> Answer:
    """Send a request exactly so."""
    to = http.client.HTTPConnection(urlsplit(everything.url).netloc, timeout=20)
    with contextlib.closing(to):
        to.request(method, path, body or None, dict(headers))
        answer = to.getresponse()
        return Answer(answer.status, answer.headers, answer.read().decode())


def login(everything: Populated, token: str) -> dict[str, str]:
    """The headers of a browser that has logged in."""
    asked = send(everything, "GET", "/hub/applications", {})
    begun = asked.headers["Set-Cookie"].partition(";")[0]
    back = everything.served.hub.authorize(asked.headers["Location"], token)
    done = send(everything, "GET", back, {"Cookie": begun})
    cookies = [each.partition(";")[0] for each in done.headers.get_all("Set-Cookie") or ()]
    return {"Cookie": next(each for each in cookies if each.startswith(f"{COOKIE}="))}


def credentials(everything: Populated, path: str, token: str) -> dict[str, str]:
    """What a path needs: a token, or the cookie of a browser."""
    return {"Authorization": f"token {token}"} if path in API else login(everything, token)


def filled(path: str, everything: Populated, **changes: str) -> str:
    """A path with the ids of alice's running application, her build or her environment."""
    application_id, container_id, name = everything.logs[0]
    if "/builds/" in path:
        application_id = str(everything.build)
    ids = {"application_id": application_id, "container_id": container_id, "name": name}
    ids |= {"owner": "alice", "number": "1", "kind": "kernels", "scope": "all"}
    query = "?since=0" if path.endswith("changes") else ""
    return path.format(**{**ids, **changes}) + query


def body_of(path: str) -> bytes:
    """The body that a path of the API needs."""
    if path in API and path.endswith("/move"):
        return b'{"queue": "root.other"}'
    return b"{}" if path in API and path.endswith("/share") else b""


def hostile_in(text: str) -> list[str]:
    """What a browser or terminal would execute, or that reverses the text behind it."""
    return [each for each in ("<script>alert", "\x1b", "\u202e") if each in text]


@pytest.mark.parametrize(("path", "method"), WITH_IDS)
def test_what_is_of_others_is_refused(everything: Populated, path: str, method: str) -> None:
    of_bob = credentials(everything, path, "b")
    answer = send(everything, method, filled(path, everything), of_bob, body_of(path))
    is_not_found = method == "GET" and "{owner}" in path
    expected = 200 if path in SHOWN_TO_ALL else 404 if is_not_found else 403
    assert answer.status == expected, answer.text
    assert SECRET not in answer.text
    if path in API:
        problem(answer)
    report = everything.served.yarn.applications[everything.running.number]
    assert not report.yarn_application_state.ended
    of_alice = credentials(everything, ENVIRONMENT, "a")
    kept = send(everything, "GET", filled(ENVIRONMENT, everything), of_alice)
    assert len(kept.json()["versions"]) == 2
    assert kept.json()["environment"]["access"]["users"] == []


def test_the_owner_sees_it(everything: Populated) -> None:
    for path, methods in (API | PAGES).items():
        if methods == ["GET"] and path.endswith(("{application_id}", "{name}", "download")):
            of_alice = credentials(everything, path, "a")
            assert SECRET in send(everything, "GET", filled(path, everything), of_alice).text


@pytest.mark.parametrize("wrong", WRONG_IDS)
@pytest.mark.parametrize(("path", "method"), WITH_IDS)
def test_ids_that_are_none_are_refused(
    everything: Populated, path: str, method: str, wrong: str
) -> None:
    of_alice = credentials(everything, path, "a")
    for name in ("application_id", "container_id", "name", "owner", "number"):
        if f"{{{name}}}" not in path:
            continue
        answer = send(
            everything,
            method,
            filled(path, everything, **{name: WRONG_IDS[wrong]}),
            of_alice,
            body_of(path),
        )
        assert answer.status in ((403, 404, 422) if method == "POST" else (404, 422)), answer.text
        assert "a=b" not in str(answer.headers)
        assert not hostile_in(answer.text)
        assert len(answer.text) < 20_000
        if path in API:
            problem(answer)


@pytest.mark.parametrize("header", IDENTITIES)
def test_headers_do_not_tell_who_it_is(everything: Populated, header: str) -> None:
    path = f"/hub/api/v1/applications/{everything.running.number}"
    forged = {header: "alice"}
    problem(answer := send(everything, "GET", path, forged))
    assert answer.status == 401
    assert send(everything, "GET", path, {**forged, "Authorization": "token b"}).status == 403
    assert send(everything, "GET", "/hub/applications", forged).status == 302
    of_bob = login(everything, "b") | forged
    page = f"/hub/applications/{everything.running.number}/logs"
    assert send(everything, "GET", page, of_bob).status == 403


@pytest.mark.parametrize("value", ["", "a", "alice", "a" * 10_000, "../a", '"', "\xff"])
def test_cookies_that_are_none_log_nobody_in(everything: Populated, value: str) -> None:
    for name in (COOKIE, "jupyterhub-session-id", "jupyterhub-user-alice"):
        forged = {"Cookie": f"{name}={value}"}
        assert send(everything, "GET", "/hub/applications", forged).status == 302
        assert send(everything, "GET", "/hub/api/v1/applications", forged).status == 401


def test_a_cookie_is_no_token(everything: Populated) -> None:
    """Otherwise, a form of another site could kill applications."""
    path = f"/hub/api/v1/applications/{everything.running.number}/kill"
    before = everything.served.recorded()
    answer = send(everything, "POST", path, login(everything, "a"))
    assert answer.status == 401
    assert everything.served.recorded() == before


@pytest.mark.parametrize(
    ("path", "token", "status"),
    [
        ("/hub/api/v1/environments/build", "", 401),
        ("/hub/api/v1/environments/build", "a", 413),
        ("/hub/api/v1/environments/{owner}/{name}/share", "a", 413),
        ("/hub/environments/build", "a", 413),
        ("/hub/environments/{owner}/{name}/share", "a", 413),
        ("/hub/api/v1/applications/{application_id}/kill", "", 401),
        ("/hub/api/v1/applications/{application_id}/kill", "b", 403),
        ("/hub/api/v1/applications/{application_id}/move", "", 401),
        ("/hub/api/v1/applications/{application_id}/move", "b", 413),
        ("/hub/servers/start", "a", 413),
        ("/hub/applications/{application_id}/kill", "b", 413),
        ("/hub/logout", "a", 413),
        ("/hub/logout", "", 303),
    ],
)
def test_requests_are_answered_before_their_long_bodies_are_sent(
    everything: Populated, path: str, token: str, status: int
) -> None:
    headers = credentials(everything, path, token) if token else {}
    lines = [
        f"POST {filled(path, everything)} HTTP/1.1",
        "Host: platform",
        f"Content-Length: {MEGABYTES << 20}",
        *(f"{name}: {value}" for name, value in headers.items()),
        "\r\n",
    ]
    where = urlsplit(everything.url)
    with socket.create_connection((where.hostname, where.port), 20) as to:
        to.sendall("\r\n".join(lines).encode() + bytes(1 << 16))
        assert to.recv(1 << 16).startswith(f"HTTP/1.1 {status} ".encode())
        with contextlib.suppress(OSError):  # it may close the connection, or drop the body
            for _ in range(MEGABYTES << 4):
                to.sendall(bytes(1 << 16))
    assert send(everything, "GET", "/hub/health", {}).status == 200


@pytest.mark.parametrize(("size", "count"), [(100, 100), (64_000, 1)])
def test_many_headers_are_accepted(everything: Populated, size: int, count: int) -> None:
    headers = {f"X-{number}": "x" * size for number in range(count)}
    of_alice = {"Authorization": "token a", **headers}
    assert send(everything, "GET", "/hub/api/v1/applications", of_alice).status == 200


@pytest.mark.parametrize(("size", "count"), [(1 << 20, 1), (1 << 10, 1 << 10)])
def test_too_large_headers_are_refused(everything: Populated, size: int, count: int) -> None:
    """With 72 KiB and what arrived at once. The response may be lost: it is not waited for."""
    headers = {f"X-{number}": "x" * size for number in range(count)}
    with contextlib.suppress(OSError, http.client.HTTPException):
        answer = send(everything, "GET", "/hub/api/v1/applications", {**headers, **of("a")})
        assert answer.status == 400
    assert send(everything, "GET", "/hub/health", {}).status == 200


@pytest.mark.parametrize("query", ["text=", "user=", "state=RUNNING&state=", "sort=", "first="])
def test_long_queries_are_refused(everything: Populated, query: str) -> None:
    path = f"/hub/api/v1/applications?{query}{'9' * 30_000}"
    answer = send(everything, "GET", path, {"Authorization": "token a"})
    assert answer.status == 422
    problem(answer)
    assert len(answer.text) < 5000


@pytest.mark.parametrize("method", ["DELETE", "PUT", "PATCH", "OPTIONS", "TRACE", "BREW"])
@pytest.mark.parametrize("path", [*API, *PAGES])
def test_other_methods_are_not_allowed(everything: Populated, path: str, method: str) -> None:
    answer = send(everything, method, filled(path, everything), {"Authorization": "token a"})
    assert answer.status == 405
    assert answer.headers["Allow"] == ", ".join((API | PAGES)[path])
    if path in API:
        problem(answer)
    else:
        assert answer.headers["Content-Type"].startswith("text/html")


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", b"{"),
        ("application/json", b"[" * 100_000),
        ("application/xml", b"<!DOCTYPE x [<!ENTITY y SYSTEM 'file:///etc/passwd'>]><x>&y;</x>"),
        ("multipart/form-data", b"--\r\n"),
        ("multipart/form-data; boundary=x", b"--x\r\n" * 1000),
        ("application/x-www-form-urlencoded", b"&" * 5000),
        ("application/x-www-form-urlencoded; charset=utf-7", b"form_token=%ff"),
        ("\x00", b"x"),
        ("text/plain; charset=" + "x" * 1000, b"x"),
    ],
)
def test_bodies_of_any_kind_change_nothing(everything: Populated, kind: str, body: bytes) -> None:
    of_application = "/hub/api/v1/applications/{application_id}"
    for path in (f"{of_application}/kill", f"{of_application}/move", "/hub/logout"):
        kind = kind.replace("\x00", "?")
        headers = credentials(everything, path, "b") | {"Content-Type": kind}
        answer = send(everything, "POST", filled(path, everything), headers, body)
        assert answer.status in ((413, 422) if path.endswith("/move") else (400, 403, 413))


def test_hostile_names_are_data(everything: Populated) -> None:
    of_alice = {"Authorization": "token a"}
    listed = send(everything, "GET", "/hub/api/v1/applications", of_alice)
    names = [each["name"] for each in listed.json()["applications"]]
    assert HOSTILE in names
    queues = send(everything, "GET", "/hub/api/v1/queues", of_alice)
    for answer in (listed, queues):
        assert answer.headers["Content-Type"] == "application/json"
        assert "\x1b" not in answer.text  # a terminal would execute it
    browser = login(everything, "a")
    waiting, environment = f"applications/{everything.waiting}", "environments/alice/x.log"
    for path in ("", "applications", "cluster", waiting, environment):
        page = send(everything, "GET", f"/hub/{path}", browser)
        assert page.status == 200
        assert "&lt;script&gt;" in page.text
        assert not hostile_in(page.text)


async def test_a_revoked_token_works_for_a_limited_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with platform(tmp_path, NO_ONE, fresh=FRESH) as served:
        browser = served.browser()
        await served.visit("/applications", "a", browser)
        del served.hub.users["a"]
        assert (await served.get("a", "/applications")).status_code == 200
        loop = asyncio.get_running_loop()
        now = loop.time
        monkeypatch.setattr(loop, "time", lambda: now() + FRESH)
        assert (await served.get("a", "/applications")).status_code == 401
        assert (await browser.get("/hub/applications")).status_code == 302


async def test_streams_are_limited_and_others_are_served(tmp_path: Path) -> None:
    of_user, total = STREAMS
    async with platform(tmp_path, NO_ONE, fresh=FRESH) as served:
        served.service.streams = Slots("streams", of_user, total)
        served.hub.users |= {
            f"t{number}": f"user{number}" for number in range(total // of_user + 1)
        }
        *tokens, other = [each for each in served.hub.users if each.startswith("t")]
        limits = httpx.Limits(max_connections=None)
        async with listening(served) as first:
            url = str(first.base_url)
            async with httpx.AsyncClient(base_url=url, trust_env=False, limits=limits) as client:
                opened = [await stream(client, token) for token in tokens for _ in range(of_user)]
                assert {each.status_code for each in opened} == {200}
                for token in (tokens[0], other):
                    refused = await stream(client, token)
                    assert refused.status_code == 429
                    await refused.aread()
                    problem(refused)
                listed = await client.get("/applications", headers=of(other))
                assert listed.status_code == 200
                for each in opened:
                    await each.aclose()
                await until(lambda: not served.service.streams.taken)
                again = await stream(client, other)
                assert again.status_code == 200
                await again.aclose()


def of(token: str) -> dict[str, str]:
    return {"Authorization": f"token {token}"}


async def stream(client: httpx.AsyncClient, token: str) -> httpx.Response:
    request = client.build_request("GET", "/applications/events", headers=of(token))
    return await client.send(request, stream=True)
