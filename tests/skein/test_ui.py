"""`app.ui` and the web pages, through the ResourceManager's own web proxy."""

from __future__ import annotations

import http.client
import json
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx
import pytest

import skein as api
from skein.ui import ProxiedPage
from yarnhub.yarn.records.ids import ApplicationId

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCS = Path(__file__).parents[2] / "docs" / "reference"

HOSTILE = "<script>alert('key')</script>"

# Answers any method with what it was asked, and a path that redirects.
ECHO = """\
import http.server, json, skein
class Echo(http.server.BaseHTTPRequestHandler):
    def answer(self):
        if self.path == "/old":
            self.send_response(302)
            self.send_header("Location", "/new")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        said = {"method": self.command, "path": self.path, "body": body}
        data = json.dumps(said | {"cookie": self.headers.get("Cookie")}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
    do_GET = do_PUT = do_POST = answer
server = http.server.HTTPServer(("127.0.0.1", 0), Echo)
app = skein.ApplicationClient.from_current()
app.ui.add_page("echo", f"http://127.0.0.1:{server.server_port}", link_name="Echo & more")
app.kv["ready"] = b""
server.serve_forever()
"""


def specification(name: str = "pages", **more: object) -> str:
    echo = {
        "resources": {"memory": 256, "vcores": 1},
        "script": f"{sys.executable} - <<'END'\n{ECHO}END",
    }
    return json.dumps({"name": name, "services": {"echo": echo}, **more})


SLEEPER = {"sleeper": {"resources": {"memory": 64, "vcores": 1}, "script": "sleep 600"}}


@pytest.mark.parametrize(
    ("target", "suffix"),
    [
        ("http://example.com:8888", "/"),
        ("http://example.com:8888/", "/"),
        ("http://example.com:8888/foo", ""),
        ("http://example.com:8888/foo/", "/"),
    ],
)
def test_the_address_of_a_page(target: str, suffix: str) -> None:
    base = "http://master.example.com:8088/proxy/application_1526497750451_0001/"
    page = ProxiedPage("test", target, None, base, "/pages")
    assert page.address == f"{base}pages/test{suffix}"
    assert repr(page) == "ProxiedPage<route='test'>"
    assert page == ProxiedPage("test", target, None, base, "/pages")


# --- on the real cluster


@dataclass
class Applications:
    """Submits applications and reaches them."""

    skein: Any
    cluster: api.Client
    clients: list[api.ApplicationClient] = field(default_factory=list)

    def __call__(self, text: str) -> api.ApplicationClient:
        self.clients.append(self.cluster.connect(self.skein.submit(text)))
        return self.clients[-1]

    def direct(self, app: api.ApplicationClient) -> str:
        """Where the ApplicationMaster itself serves."""
        number = ApplicationId.parse(app.id)
        report = self.cluster.call(self.cluster.engine.application_report, number)
        return report.original_tracking_url


@pytest.fixture
def pages(skein: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Applications]:
    for name in ("HADOOP_CONF_DIR", "SKEIN_CONFIG"):
        monkeypatch.setenv(name, skein.env[name])
    with api.Client() as cluster:
        found = Applications(skein, cluster)
        yield found
        for client in found.clients:
            client.close()


@pytest.mark.cluster
def test_the_pages_of_an_application(skein: Any, pages: Applications) -> None:
    app = pages(specification(name=f"<b>{HOSTILE}</b>"))
    app.kv.wait("ready")
    app.kv[HOSTILE] = b"<img src=x>"
    app.kv["bad"] = b"\xad\xad"
    app.set_progress(0.4)
    base = app.ui.address
    # YARN may call the proxy's host by another of its names.
    tracking_url = pages.cluster.application_report(app.id).tracking_url
    assert urlsplit(tracking_url)[2:] == urlsplit(base)[2:] == (f"/proxy/{app.id}/", "", "")
    assert (app.ui.addresses, app.ui.proxy_prefix) == ((base,), "/pages")
    assert repr(app.ui) == f"WebUI<address={base!r}>"
    with httpx.Client(follow_redirects=True, timeout=60) as browser:
        home, page = browser.get(base), browser.get(f"{base}overview")
        for text in (home.text, page.text):
            assert "echo_0" in text
            assert f"/{skein.user}/echo.log" in text
            assert "40%" in text
            assert 'href="./pages/echo/"' in text
            assert "Echo &amp; more" in text
            assert "<script" not in text
        log = re.search(r'href="(http://[^"]*/echo\.log[^"]*)"', page.text)
        assert log is not None
        assert browser.get(log[1]).status_code == 200, "the NodeManager shows it while it runs"
        keys = browser.get(f"{base}kv").text
        assert "&lt;script&gt;alert(&#x27;key&#x27;)" in keys
        assert "&lt;img src=x&gt;" in keys
        assert "&lt;binary value&gt;" in keys
        assert "<script" not in keys
        told = browser.get(f"{base}api/overview.json").json()
        assert (told["id"], told["progress"]) == (app.id, 0.4)
        assert told["services"][0]["counts"]["RUNNING"] == 1
        assert browser.get(f"{base}favicon.ico").status_code == 200
        assert browser.get(f"{base}nosuch").status_code == 404
    app.shutdown()


@pytest.mark.cluster
def test_a_page_of_a_service_is_passed_on(pages: Applications) -> None:
    app = pages(specification())
    app.kv.wait("ready")
    page = app.ui.get_pages()["echo"]
    assert page.link_name == "Echo & more"
    assert page.address == f"{app.ui.address}pages/echo/"
    with httpx.Client(timeout=60) as browser:
        said = browser.get(f"{page.address}a/b?x=1").json()
        assert (said["method"], said["path"], said["body"]) == ("GET", "/a/b?x=1", "")
        assert said["cookie"].startswith("proxy-user=")
        said = browser.put(f"{page.address}c", content=b"what is put").json()
        assert (said["method"], said["path"], said["body"]) == ("PUT", "/c", "what is put")
        # YARN's proxy lets nothing else through.
        assert browser.post(f"{page.address}c", content=b"x").status_code == 405
        # It follows redirections itself.
        assert browser.get(f"{page.address}old").json()["path"] == "/new"
        for route, target, name in (
            ("echo", "http://h", None),
            ("other", "http://h", "Echo & more"),
            ("other", "invalid url", None),
            ("o/ther", "http://h", None),
        ):
            with pytest.raises(ValueError, match=r"route|link name|URL"):
                app.ui.add_page(route, target, link_name=name)
        second = app.ui.add_page("second", page.target)
        assert set(app.ui.get_pages()) == {"echo", "second"}
        assert browser.get(f"{second.address}x").json()["path"] == "/x"
        app.ui.remove_page("second")
        assert browser.get(f"{second.address}x").status_code == 404
        with pytest.raises(ValueError, match="there is no page"):
            app.ui.remove_page("second")
    app.shutdown()


@pytest.mark.cluster
def test_whoever_does_not_come_from_the_proxy_is_sent_there(
    skein: Any, pages: Applications
) -> None:
    app = pages(json.dumps({"name": "direct", "services": SLEEPER}))
    address = urlsplit(pages.direct(app))

    def get(source: str) -> tuple[int, str, bytes]:
        connection = http.client.HTTPConnection(
            address.hostname or "", address.port, timeout=60, source_address=(source, 0)
        )
        connection.request("GET", "/overview", headers={"Cookie": f"proxy-user={skein.user}"})
        answer = connection.getresponse()
        found = answer.status, answer.getheader("Location") or "", answer.read()
        connection.close()
        return found

    status, _, page = get("127.0.0.1")
    assert (status, b"sleeper_0" in page) == (200, True)
    place = app.ui.address.replace("/proxy/", "/proxy/redirect/") + "overview"
    assert get("127.0.0.2") == (302, place, b"")
    app.shutdown()


@pytest.mark.cluster
def test_acls_keep_others_out(skein: Any, pages: Applications) -> None:
    acls = {"enable": True, "ui_users": ["carol"]}
    app = pages(json.dumps({"name": "closed", "services": SLEEPER, "acls": acls}))
    # Nobody has to log in to this cluster's web pages: for the proxy everybody is dr.who.
    refused = httpx.get(app.ui.address + "overview", timeout=60)
    assert refused.status_code == 403
    assert f"{skein.user} does not share these pages with dr.who" in refused.text
    assert "sleeper" not in refused.text
    app.shutdown()
    acls["ui_users"] = ["*"]
    app = pages(json.dumps({"name": "open", "services": SLEEPER, "acls": acls}))
    assert "sleeper_0" in httpx.get(app.ui.address + "overview", timeout=60).text
    app.shutdown()


@pytest.mark.cluster
def test_the_reference_pages_examples(pages: Applications) -> None:
    app = pages(json.dumps({"name": "documented", "services": SLEEPER}))
    page = (DOCS / "web-ui.md").read_text("utf-8")
    names: dict[str, object] = {"app_id": app.id}
    for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        exec(block, names)
    app.shutdown()
