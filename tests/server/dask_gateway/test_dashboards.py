"""Who can see the dashboard of a Dask cluster, and what is passed on."""

from __future__ import annotations

import asyncio
import secrets

import aiohttp
import pytest

from server.dask_gateway.serving import PREFIX, serving
from server.fake_hub import SCOPE
from yarnhub.server.dask_gateway import relay

PAGE = "clusters/c1/status"


async def test_the_owner_of_a_cluster_sees_its_dashboard() -> None:
    async with serving() as served:
        answer = await served.get("clusters/c1/individual-plots.json?a=1&b=%2F", "a")
        assert answer.status_code == 200
        assert answer.json() == {"path": "/individual-plots.json", "query": "a=1&b=/"}
        assert answer.headers["X-Own"] == "1"
        first = await served.get("clusters/c1/", "a")
        assert first.headers["Location"] == f"{PREFIX}{PAGE}"


async def test_others_see_no_difference_to_a_cluster_that_does_not_exist() -> None:
    async with serving() as served:
        others, unknown = await served.get(PAGE, "b"), await served.get("clusters/c2/status", "b")
        assert others.status_code == unknown.status_code == 404
        assert others.text == unknown.text
        assert dict(others.headers) | {"Date": ""} == dict(unknown.headers) | {"Date": ""}
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            async with aiohttp.ClientSession() as browser:
                await browser.ws_connect(
                    f"{served.url}{PREFIX}clusters/c1/status/ws",
                    headers={"Authorization": "token b", "Origin": served.url},
                )
        assert refused.value.status == 404
        assert served.dashboard.headers == []


async def test_tokens_that_do_not_allow_it_are_refused() -> None:
    async with serving() as served:
        served.hub.users |= {"s": "service:culler", "h": "hdfs"}
        served.hub.scopes["n"] = ["access:services!service=other"]
        served.hub.users["n"] = "alice"
        for token in ("unknown", "s", "h", "n"):
            assert (await served.get(PAGE, token)).status_code == 403, token
        assert SCOPE in (await served.get(PAGE, "n")).text
        served.hub.broken = True
        assert (await served.get(PAGE, "a")).status_code == 503
        assert served.dashboard.headers == []


async def test_a_browser_logs_in_at_the_hub_and_comes_back_to_its_page() -> None:
    async with serving() as served:
        back = await served.log_in(f"{PAGE}?tab=1", "a")
        assert back.status_code == 302
        assert back.headers["Location"] == f"{PREFIX}{PAGE}?tab=1"
        (cookie,) = served.client.cookies.jar
        assert (cookie.path, cookie.has_nonstandard_attr("HttpOnly")) == (PREFIX, True)
        assert cookie.value != "a"
        assert (await served.get(PAGE)).status_code == 200
        assert "Cookie" not in served.dashboard.headers[0]
        served.hub.users["a"] = "carol"
        assert (await served.get(PAGE)).status_code == 404
        del served.hub.users["a"]
        assert (await served.get(PAGE)).status_code == 302, "to the login"


async def test_a_login_that_this_browser_has_not_begun_is_refused() -> None:
    async with serving() as served:
        to_hub = await served.get(PAGE)
        link = served.hub.authorize(to_hub.headers["Location"], "b")  # of an attacker's
        served.client.cookies.clear()
        assert (await served.client.get(link)).status_code == 403
        for query in ("", "?state=&code=b", f"?code=b&state={secrets.token_urlsafe(24)}"):
            assert (await served.get(f"oauth_callback{query}")).status_code == 403
        assert (await served.get(PAGE)).status_code == 302


async def test_pages_of_others_cannot_use_a_browsers_login() -> None:
    async with serving() as served:
        await served.log_in(PAGE, "a")
        own = {"Sec_Fetch_Site": "same-origin"}
        other = {"Sec_Fetch_Site": "cross-site"}
        for headers, status in (
            ({**own, "Sec_Fetch_Mode": "no-cors"}, 200),
            ({**own, "Sec_Fetch_Mode": "cors"}, 403),
            ({**other, "Sec_Fetch_Mode": "no-cors"}, 403),
            ({**other, "Sec_Fetch_Mode": "cors"}, 403),
            ({**other, "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "iframe"}, 403),
            ({**other, "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "document"}, 200),
        ):
            assert (await served.get(PAGE, **headers)).status_code == status, headers
        assert (await served.client.post(f"{PREFIX}{PAGE}")).status_code == 405
        answer = await served.get(PAGE)
        assert answer.headers["Content-Security-Policy"] == "frame-ancestors 'none'"
        cookies = "; ".join(f"{each.name}={each.value}" for each in served.client.cookies.jar)
        async with aiohttp.ClientSession(headers={"Cookie": cookies}) as browser:
            url = f"{served.url}{PREFIX}clusters/c1/status/ws"
            async with browser.ws_connect(url, headers={"Origin": served.url}):
                pass
            for origin in ("https://evil.example.com", "null", ""):
                with pytest.raises(aiohttp.WSServerHandshakeError):
                    await browser.ws_connect(url, headers={"Origin": origin})


async def test_neither_side_gets_secrets_of_the_other() -> None:
    async with serving() as served:
        answer = await served.get(PAGE, "a", Cookie="x=y", X_Kept="1")
        assert "Set-Cookie" not in answer.headers
        (got,) = served.dashboard.headers
        assert got["X-Kept"] == "1"
        assert {"Authorization", "Cookie"}.isdisjoint(got)


async def test_websockets_pass_messages_in_both_directions() -> None:
    async with serving() as served, aiohttp.ClientSession() as browser:
        headers = {"Authorization": "token a", "Origin": served.url}
        url = f"{served.url}{PREFIX}clusters/c1/status/ws"
        async with browser.ws_connect(url, headers=headers, protocols=("bokeh", "t0k3n")) as socket:
            assert socket.protocol == "bokeh"
            await socket.send_str("hello")
            assert await socket.receive_str() == "hello!"
            await socket.send_bytes(b"abc")
            assert await socket.receive_bytes() == b"cba"
        assert served.dashboard.headers[0]["Sec-WebSocket-Protocol"] == "bokeh,t0k3n"
        assert "Authorization" not in served.dashboard.headers[0]


async def test_a_websocket_ends_with_its_users_access(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "_CHECK", 0.05)
    async with serving() as served, aiohttp.ClientSession() as browser:
        headers = {"Authorization": "token a", "Origin": served.url}
        async with browser.ws_connect(
            f"{served.url}{PREFIX}clusters/c1/status/ws", headers=headers
        ) as socket:
            served.hub.broken = True  # what is not known ends none
            await socket.send_str("hello")
            assert await socket.receive_str() == "hello!"
            served.hub.broken = False
            served.hub.users.clear()
            async with asyncio.timeout(30):
                assert (await socket.receive()).type is aiohttp.WSMsgType.CLOSE


async def test_websockets_are_closed_when_the_service_stops() -> None:
    async with aiohttp.ClientSession() as browser:
        async with serving() as served:
            headers = {"Authorization": "token a", "Origin": served.url}
            socket = await browser.ws_connect(
                f"{served.url}{PREFIX}clusters/c1/status/ws", headers=headers
            )
            receive = asyncio.get_running_loop().create_task(socket.receive())
        async with asyncio.timeout(30):
            assert (await receive).data == 1012


async def test_each_user_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "MOST", 2)
    async with serving() as served, aiohttp.ClientSession() as browser:
        headers = {"Authorization": "token a", "Origin": served.url}
        url = f"{served.url}{PREFIX}clusters/c1/status/ws"
        first, second = [await browser.ws_connect(url, headers=headers) for _ in range(2)]
        assert (await served.get(PAGE, "a")).status_code == 429
        await first.close()
        async with asyncio.timeout(30):
            while (await served.get(PAGE, "a")).status_code == 429:
                await asyncio.sleep(0.01)
        await second.close()


async def test_a_cluster_that_has_no_dashboard_says_so() -> None:
    async with serving("http://127.0.0.1:1") as served:
        assert (await served.get(PAGE, "a")).status_code == 502
        served.backend.cluster.dashboard_address = ""
        answer = await served.get(PAGE, "a")
        assert answer.status_code == 409
        assert "bokeh" in answer.text
        served.backend.cluster.status = None
        assert "not running" in (await served.get(PAGE, "a")).text


async def test_what_is_read_is_what_a_slow_browser_takes() -> None:
    sent = 0

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n")
        try:
            while True:
                writer.write(bytes(2**16))
                await writer.drain()
                sent += 2**16
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(endless, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, serving(f"http://127.0.0.1:{port}") as served:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", int(served.url.rpartition(":")[2])
        )
        request = f"GET {PREFIX}{PAGE} HTTP/1.1\r\nHost: x\r\nAuthorization: token a\r\n\r\n"
        writer.write(request.encode())
        await reader.readuntil(b"\r\n\r\n")
        before = -1
        async with asyncio.timeout(20):  # nothing more is read once all buffers are full
            while sent != before:
                before = sent
                await asyncio.sleep(0.3)
        assert sent < 64 * 2**20
        writer.close()
