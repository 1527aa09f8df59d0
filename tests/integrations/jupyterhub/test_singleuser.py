"""A server's first steps in its container."""

from __future__ import annotations

import functools
import json
import socket
import stat
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from yarnhub.base.errors import ConfigurationError
from yarnhub.control.bootstrap import CERTIFICATE, KEY, named_secrets
from yarnhub.hadoop.wire.tokens import TokenStorage
from yarnhub.integrations.jupyterhub.singleuser import (
    contents_options,
    fail,
    prepare,
    report,
    reporter,
    with_port,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


class Hub(HTTPServer):
    """Says where to listen, and remembers what it was told, and by whom."""

    told: list[tuple[str, str | None, Any]]
    answer = 204
    asked = 0
    elsewhere = ""
    place: object = MappingProxyType({"addresses": ["127.0.0.1"], "first": 0, "last": 0})


class _Handler(BaseHTTPRequestHandler):
    server: Hub

    def do_GET(self) -> None:
        authorized = self.headers["Authorization"] == "token mine"
        said = json.dumps(self.server.place, default=dict).encode() if authorized else b""
        self.server.asked += 1
        if self.server.elsewhere:
            self.send_response(self.server.answer)
            self.send_header("Location", self.server.elsewhere)
        else:
            self.send_response(200 if authorized else 403)
        self.end_headers()
        self.wfile.write(said)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.told.append((self.path, self.headers["Authorization"], json.loads(body)))
        self.send_response(self.server.answer)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub(("127.0.0.1", 0), _Handler) as server:
        server.told = []
        thread = Thread(target=functools.partial(server.serve_forever, 0.01))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def variables(hub: Hub, tmp_path: Path) -> dict[str, str]:
    secrets = {"variable:JUPYTERHUB_API_TOKEN": b"mine", "file:server.key": b"key"}
    tokens = tmp_path / "container_tokens"
    pair = {CERTIFICATE: b"certificate", KEY: b"key"}
    tokens.write_bytes(TokenStorage({}, {**pair, **named_secrets(secrets)}).write())
    return {
        "SKEIN_APPMASTER_ADDRESS": "localhost:1",
        "SKEIN_APPLICATION_ID": "application_1_0001",
        "HADOOP_TOKEN_FILE_LOCATION": str(tokens),
        "JUPYTERHUB_API_URL": f"http://127.0.0.1:{hub.server_port}/hub/api",
        "JUPYTERHUB_SERVICE_URL": "http://127.0.0.1:0/user/alice/",
    }


def test_secrets_in_and_a_port_out(variables: dict[str, str], hub: Hub, tmp_path: Path) -> None:
    held = prepare(variables, tmp_path)
    held.close()
    assert variables["JUPYTERHUB_API_TOKEN"] == "mine"
    key = tmp_path / ".jupyterhub" / "server.key"
    assert (key.read_bytes(), stat.S_IMODE(key.stat().st_mode)) == (b"key", 0o600)
    assert hub.told == []
    report(held.number, variables)
    ((path, authorization, told),) = hub.told
    assert (path, authorization) == ("/hub/api/yarnspawner", "token mine")
    assert told == {"port": held.number}
    url = f"http://127.0.0.1:{told['port']}/user/alice/"
    assert variables["JUPYTERHUB_SERVICE_URL"] == url
    assert variables["JUPYTER_RUNTIME_DIR"].startswith(str(tmp_path))


def test_a_proxy_for_the_web_does_not_get_the_token(
    variables: dict[str, str], hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    variables["JUPYTERHUB_API_TOKEN"] = "mine"
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{hub.server_port}")
    monkeypatch.delenv("no_proxy", raising=False)
    variables["JUPYTERHUB_API_URL"] = f"http://hub.invalid:{hub.server_port}/hub/api"
    with pytest.raises(ConfigurationError, match="cannot be reached"):
        report(1, variables)
    assert hub.told == []


@pytest.mark.parametrize("answer", [301, 302, 307, 308])
def test_nobody_whom_the_hubs_address_leads_to_gets_the_token(
    answer: int, variables: dict[str, str], hub: Hub
) -> None:
    variables["JUPYTERHUB_API_TOKEN"] = "mine"
    hub.elsewhere, hub.answer = f"http://localhost:{hub.server_port}/hub/api/yarnspawner", answer
    with pytest.raises(ConfigurationError, match="did not return where to listen"):
        reporter(variables).where_to_listen()
    assert hub.asked == 1


def test_nobody_else_can_have_its_port(variables: dict[str, str], tmp_path: Path) -> None:
    held = prepare(variables, tmp_path)
    port = urlsplit(variables["JUPYTERHUB_SERVICE_URL"]).port
    assert port == held.number
    with socket.socket() as thief:
        thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        for address in ("127.0.0.1", "0.0.0.0"):
            with pytest.raises(OSError, match="in use"):
                thief.bind((address, port))
    held.close()


def test_users_begin_with_a_folder_of_their_own(variables: dict[str, str], tmp_path: Path) -> None:
    prepare(variables, tmp_path).close()
    root = Path(variables["JUPYTERHUB_ROOT_DIR"])
    assert root == tmp_path / "work"
    assert list(root.iterdir()) == []


@pytest.mark.parametrize("named", ["~/notebooks", "notebooks"])
def test_or_with_the_one_that_the_administrator_names(
    named: str, variables: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    variables["JUPYTERHUB_ROOT_DIR"] = named
    with pytest.raises(ConfigurationError, match=r"/notebooks not found on .*notebook_dir"):
        prepare(variables, tmp_path)
    (tmp_path / "notebooks").mkdir()
    prepare(variables, tmp_path).close()
    assert variables["JUPYTERHUB_ROOT_DIR"] == str(tmp_path / "notebooks")
    assert not (tmp_path / "work").exists()


def test_the_hub_hears_why_there_will_be_no_server(
    variables: dict[str, str], hub: Hub, capsys: pytest.CaptureFixture[str]
) -> None:
    variables["JUPYTERHUB_API_TOKEN"] = "mine"
    with pytest.raises(SystemExit, match="Error: no port"):
        fail("no port is free " * 100, variables)
    ((_, authorization, told),) = hub.told
    assert authorization == "token mine"
    assert told["error"].startswith("no port is free")
    assert len(json.dumps(told)) < 4096


def test_or_nobody_does(variables: dict[str, str], hub: Hub) -> None:
    with pytest.raises(SystemExit, match="Error: no token"):
        fail("no token", variables)
    hub.answer, variables["JUPYTERHUB_API_TOKEN"] = 403, "mine"
    with pytest.raises(SystemExit, match="Error: no hub"):
        fail("no hub", variables)


def test_certificates_that_cannot_be_read_are_named(
    variables: dict[str, str], tmp_path: Path
) -> None:
    missing = str(tmp_path / "missing")
    variables |= dict.fromkeys(
        ("JUPYTERHUB_SSL_CERTFILE", "JUPYTERHUB_SSL_KEYFILE", "JUPYTERHUB_SSL_CLIENT_CA"), missing
    )
    variables["JUPYTERHUB_API_TOKEN"] = "mine"
    with pytest.raises(ConfigurationError, match="cannot be reached"):
        reporter(variables)
    with pytest.raises(SystemExit, match="Error: no port"):
        fail("no port", variables)


def test_a_hub_that_does_not_take_it(variables: dict[str, str], hub: Hub, tmp_path: Path) -> None:
    hub.answer = 403
    prepare(variables, tmp_path).close()
    with pytest.raises(ConfigurationError, match="refused the port"):
        report(1, variables)


@pytest.mark.parametrize("said", ["anything", {"first": 0}, {"addresses": [], "more": 1}, None])
def test_a_hub_that_does_not_say_where_to_listen(
    said: object, variables: dict[str, str], hub: Hub, tmp_path: Path
) -> None:
    hub.place = said
    with pytest.raises(ConfigurationError, match="did not return where to listen"):
        prepare(variables, tmp_path)


def test_hdfs_is_shown_unless_somebody_chose_otherwise() -> None:
    (option,) = contents_options({}, ["--debug"])
    assert option.startswith("--ServerApp.contents_manager_class=yarnhub.integrations.contents.")
    (option,) = contents_options({"YARNHUB_HDFS_FOLDER": "off"}, [])
    assert option.endswith("=yarnhub.integrations.contents.OwnFiles")
    assert contents_options({}, ["--ServerApp.contents_manager_class=a.B"]) == []


def test_outside_of_a_container(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="not a container that a hub has started"):
        prepare({}, tmp_path)


@pytest.mark.parametrize(
    ("host", "expected"),
    [("10.0.0.1", "http://10.0.0.1:7/user/a/"), ("::1", "http://[::1]:7/user/a/")],
)
def test_a_url_with_a_port(host: str, expected: str) -> None:
    assert with_port("http://:0/user/a/", host, 7) == expected


def test_an_address_that_the_node_does_not_have_is_named_with_its_setting(
    variables: dict[str, str], hub: Hub, tmp_path: Path
) -> None:
    hub.place = {"addresses": ["192.0.2.1"], "strict": True, "first": 0, "last": 0}
    with pytest.raises(ConfigurationError, match=r"the address 192.0.2.1: see c\.YarnSpawner\.ip"):
        prepare(variables, tmp_path)


def test_ports_that_are_all_taken_are_named_with_their_settings(
    variables: dict[str, str], hub: Hub, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        hub.place = {"addresses": ["127.0.0.1"], "first": port, "last": port}
        with pytest.raises(ConfigurationError, match=rf"no port {port} .*: see .*\.port_range"):
            prepare(variables, tmp_path)
