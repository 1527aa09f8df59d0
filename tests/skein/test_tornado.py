"""`skein.tornado` with a real tornado server, and real tickets."""

from __future__ import annotations

import subprocess
import textwrap
from typing import TYPE_CHECKING

import httpx
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from yarnhub.cluster import HadoopCluster

pytestmark = pytest.mark.cluster

SERVER = """\
import asyncio, sys
from tornado import web
import skein.tornado
from skein.tornado import KerberosAuthMixin, SimpleAuthMixin, init_kerberos

class Hello(getattr(skein.tornado, sys.argv[1]), web.RequestHandler):
    @web.authenticated
    def get(self):
        self.write("Hello " + self.current_user)

class Either(KerberosAuthMixin, SimpleAuthMixin, web.RequestHandler):
    def get_current_user(self):
        if self.request.headers.get("Authorization"):
            return self.get_current_user_kerberos()
        return self.get_current_user_simple()

    @web.authenticated
    def get(self):
        self.write("Either " + self.current_user)

async def main():
    if sys.argv[2:]:
        init_kerberos(*sys.argv[2:])
    server = web.Application([("/", Hello), ("/either", Either)]).listen(0, "127.0.0.1")
    print(next(iter(server._sockets.values())).getsockname()[1], flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""

# A client's first message of SPNEGO; it prints what the server's answer proves.
CLIENT = """\
import base64, gssapi, sys
name = gssapi.Name("HTTP@localhost", gssapi.NameType.hostbased_service)
context = gssapi.SecurityContext(name=name, usage="initiate",
    flags=[gssapi.RequirementFlag.mutual_authentication])
print(base64.b64encode(context.step()).decode(), flush=True)
context.step(base64.b64decode(sys.stdin.readline()))
print(context.complete)
"""


@pytest.fixture
def serve(environment: Path) -> Iterator[Callable[..., str]]:
    """Starts a server with a mixin; returns its URL."""
    processes: list[subprocess.Popen[str]] = []

    def start(*arguments: str, env: dict[str, str] | None = None) -> str:
        command = [str(environment / "bin" / "python"), "-c", SERVER, *arguments]
        process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True)
        processes.append(process)
        assert process.stdout is not None
        return f"http://127.0.0.1:{process.stdout.readline().strip()}"

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def test_simple_authentication_believes_what_it_is_told(serve: Callable[..., str]) -> None:
    url = serve("SimpleAuthMixin")
    assert httpx.get(f"{url}/?user.name=alice", timeout=60).text == "Hello alice"
    for nobody in ("/", "/?user.name="):
        refused = httpx.get(url + nobody, timeout=60)
        assert (refused.status_code, refused.text) == (401, "Authentication required")
        assert refused.headers["www-authenticate"] == "PseudoAuth"


@pytest.fixture
async def ticket(kerberos_cluster: HadoopCluster, tmp_path: Path) -> Path:
    """Alice's."""
    await kerberos_cluster.kinit("alice", tmp_path / "ticket")
    return tmp_path / "ticket"


def test_kerberos_authentication_wants_proof(
    serve: Callable[..., str], environment: Path, kerberos_cluster: HadoopCluster, ticket: Path
) -> None:
    krb5 = {"KRB5_CONFIG": kerberos_cluster.env["KRB5_CONFIG"], "PATH": "/usr/bin"}
    keytab = str(kerberos_cluster.state / "kerberos" / "keytabs" / "services.keytab")
    url = serve("KerberosAuthMixin", keytab, "HTTP", "localhost", env=krb5)

    def get(authorization: str, path: str = "/") -> httpx.Response:
        return httpx.get(url + path, headers={"Authorization": authorization}, timeout=60)

    for nothing in ("", "Basic YWxpY2U6eA==", "Negotiate", "Negotiate !", "Negotiate YQ=="):
        refused = get(nothing)
        assert (refused.status_code, refused.text) == (401, "Authentication required")
        assert refused.headers["www-authenticate"] == "Negotiate"

    with subprocess.Popen(
        [str(environment / "bin" / "python"), "-c", CLIENT],
        env={**krb5, "KRB5CCNAME": f"FILE:{ticket}"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as client:
        assert client.stdout is not None
        token = client.stdout.readline().strip()
        page = get(f"Negotiate {token}")
        assert (page.status_code, page.text) == (200, "Hello alice")
        scheme, _, answer = page.headers["www-authenticate"].partition(" ")
        assert scheme == "Negotiate"
        assert client.communicate(answer + "\n")[0] == "True\n", "the server has proven itself"
    assert get(f"Negotiate {token}").status_code == 401, "whoever overhears a proof has none"
    assert get("", "/either?user.name=bob").text == "Either bob", "other means go beside it"


def test_a_service_without_its_key_is_told(
    environment: Path, kerberos_cluster: HadoopCluster, tmp_path: Path
) -> None:
    keytabs = kerberos_cluster.state / "kerberos" / "keytabs"
    script = textwrap.dedent("""\
        import sys
        from skein.tornado import init_kerberos
        for keytab in (None, sys.argv[1], sys.argv[2]):
            try:
                init_kerberos(keytab, hostname="localhost")
            except (ValueError, FileNotFoundError) as error:
                print(type(error).__name__, error)
        """)
    missing, other = tmp_path / "none", keytabs / "alice.keytab"
    command = [str(environment / "bin" / "python"), "-c", script, str(missing), str(other)]
    env = {"KRB5_CONFIG": kerberos_cluster.env["KRB5_CONFIG"], "PATH": "/usr/bin"}
    lines = subprocess.run(
        command, env=env, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert lines[0] == "ValueError give a keytab, or set the variable KRB5_KTNAME to one"
    assert lines[1] == f"FileNotFoundError No keytab found at {missing}"
    assert lines[2].startswith(f"ValueError {other} has no key for HTTP/localhost")
