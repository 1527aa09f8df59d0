"""Whose requests the hub answers, before and after it has been restarted."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

import pytest
from jupyterhub import orm
from jupyterhub.auth import Authenticator
from jupyterhub.objects import Hub
from jupyterhub.user import UserDict
from tornado.httpclient import AsyncHTTPClient
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application

from integrations.jupyterhub.spawning import Spawner
from sessions.in_memory import APPLICATION, OneSession
from yarnhub.integrations.jupyterhub import port_handler, requests_handler

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.jupyter


class Answering(Spawner):
    """A spawner that answers with its server's name."""

    where = OneSession()

    async def answer(self, received: bytes) -> bytes:
        return f"{self.name}: {received.decode()}".encode()


class Hubs:
    """Hubs of one database, one after the other."""

    def __init__(self) -> None:
        self.db: Any = orm.new_session_factory("sqlite:///:memory:")()
        self.db.add(orm.OAuthClient(identifier="jupyterhub"))
        self.db.add(orm.User(name="alice"))
        self.db.commit()
        self.begin()

    def begin(self) -> None:
        """A hub that knows what the database has."""
        settings: dict[str, Any] = {"db": self.db, "hub": Hub(base_url="/hub/")}
        settings |= {"spawner_class": Answering, "authenticator": Authenticator()}
        settings["users"] = self.users = UserDict(lambda: self.db, settings)
        for name in self.users["alice"].orm_user.orm_spawners:
            assert self.users["alice"].spawners[name].api_token == ""
        self.application = Application(
            [
                (f"/hub{port_handler.PATH}", port_handler.PortHandler),
                (f"/hub{requests_handler.PATH}", requests_handler.RequestsHandler),
            ],
            **settings,
        )

    def start(self, name: str) -> str:
        """Start a server of alice's; returns its token, which JupyterHub keeps only as a hash."""
        user = self.users["alice"]
        if name not in user.orm_user.orm_spawners:
            user._new_orm_spawner(name, name)
        token: str = user.new_api_token(scopes=[])
        spawner = user.spawners[name]
        spawner.clear_state()
        spawner.api_token = token
        spawner.application_id = APPLICATION
        self.keep(name)
        return token

    def stop(self, name: str) -> None:
        self.users["alice"].spawners[name].clear_state()
        self.keep(name)

    def keep(self, name: str) -> None:
        spawner = self.users["alice"].spawners[name]
        spawner.orm_spawner.state = json.loads(json.dumps(spawner.get_state()))
        self.db.commit()

    async def ask(self, token: str, path: str = requests_handler.PATH) -> tuple[int, str]:
        """The status and text of the answer to a request with a token."""
        async with self._serving() as url:
            response = await AsyncHTTPClient().fetch(
                f"{url}/hub{path}",
                method="POST",
                headers={"Authorization": f"token {token}"},
                body='{"port": 40123}',
                raise_error=False,
            )
        return response.code, response.body.decode()

    @contextlib.asynccontextmanager
    async def _serving(self) -> AsyncIterator[str]:
        socket, port = bind_unused_port()
        server = HTTPServer(self.application)
        server.add_socket(socket)
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            server.stop()
            await server.close_all_connections()


@pytest.fixture
def hubs() -> Hubs:
    return Hubs()


async def test_a_restarted_hub_still_knows_whose_request_it_is(hubs: Hubs) -> None:
    tokens = {name: hubs.start(name) for name in ("", "second")}
    for _ in range(2):
        for name, token in tokens.items():
            assert await hubs.ask(token) == (200, f'{name}: {{"port": 40123}}')
            assert (await hubs.ask(token, port_handler.PATH))[0] == 204
        hubs.begin()
    # A hub that keeps the state again, as after a poll, has no token to take a digest of.
    hubs.keep("second")
    hubs.begin()
    assert (await hubs.ask(tokens["second"]))[0] == 200


async def test_the_tokens_themselves_are_not_kept(hubs: Hubs) -> None:
    token = hubs.start("")
    assert token not in json.dumps(hubs.users["alice"].spawners[""].get_state())


async def test_other_tokens_of_the_user_are_refused(hubs: Hubs) -> None:
    former = hubs.start("")
    own = hubs.users["alice"].new_api_token(scopes=[])
    hubs.stop("")
    for restarted in (False, True):
        if restarted:
            hubs.begin()
        for token in (former, own, "unknown"):
            status, text = await hubs.ask(token)
            assert status == 403
            assert "API token of a running or starting server" in text
