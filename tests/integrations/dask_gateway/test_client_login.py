"""What a client with tickets makes of a server's answers."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from yarnhub.base.errors import AuthenticationError
from yarnhub.hadoop.security.kerberos import TicketCache
from yarnhub.integrations.dask_gateway import KerberosAuth


@pytest.mark.parametrize(
    ("status", "header"),
    [
        (200, ""),
        (200, "Negotiate"),
        (200, "Negotiate $$$"),
        (200, "Negotiate a"),
        (422, 'Basic realm="x", negotiate  zoë'),
        (401, "Negotiate"),
    ],
)
def test_a_server_that_does_not_prove_itself(status: int, header: str) -> None:
    url = SimpleNamespace(host="gateway")
    answer = SimpleNamespace(headers={"WWW-Authenticate": header}, status=status, url=url)
    with pytest.raises(AuthenticationError, match="gateway"):
        KerberosAuth().post_response(answer, TicketCache().open("HTTP/gateway"))


def test_an_error_of_a_proxy_is_dask_gateways_to_raise() -> None:
    answer = SimpleNamespace(headers={}, status=502, url=SimpleNamespace(host="gateway"))
    KerberosAuth().post_response(answer, TicketCache().open("HTTP/gateway"))
