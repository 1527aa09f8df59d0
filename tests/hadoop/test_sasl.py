"""Which offer is taken, and what is said where none can be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hadoop.server import KERBEROS_OFFER, SIMPLE_OFFER, TOKEN, token_offer
from yarnhub.base.errors import AuthenticationError, ConfigurationError
from yarnhub.hadoop.wire.headers import SaslAuth, UserInformation
from yarnhub.hadoop.wire.protection import Protection
from yarnhub.hadoop.wire.sasl import KerberosLogin, Login, choose

if TYPE_CHECKING:
    from yarnhub.hadoop.wire.gssapi import GssContext

ALICE = UserInformation(effective_user="alice")
asked: list[str] = []


def _open(server: str) -> GssContext:
    asked.append(server)
    return None  # type: ignore[return-value]  # never stepped here


@pytest.fixture(autouse=True)
def _forget() -> None:
    asked.clear()


def kerberos(server: str) -> Login:
    return Login(kerberos=KerberosLogin(_open, server))


def test_the_servers_order_decides() -> None:
    login = Login(token=TOKEN, kerberos=KerberosLogin(_open, "rm/localhost"), simple=ALICE)
    offers = (token_offer(), KERBEROS_OFFER, SIMPLE_OFFER)
    for auth in offers:
        assert choose((auth, *offers), login).auth is auth


def test_an_unknown_offer_is_passed_over() -> None:
    new = SaslAuth(method="TOKEN", mechanism="SCRAM-SHA-512", protocol="", server_id="default")
    assert choose((new, token_offer()), Login(token=TOKEN)).auth.mechanism == "DIGEST-MD5"
    with pytest.raises(
        AuthenticationError, match="TOKEN/SCRAM-SHA-512; the client has a token of kind"
    ):
        choose((new,), Login(token=TOKEN))


@pytest.mark.parametrize(
    ("expected", "asks"),
    [
        ("rm/localhost@REALM", "rm/localhost@REALM"),
        ("rm/LOCALHOST@REALM", "rm/localhost@REALM"),
        ("rm/localhost", "rm/localhost"),
        ("rm/*@REALM", "rm/localhost@REALM"),
        ("*/*@*", "rm/localhost"),
        ("*", "rm/localhost"),
    ],
)
def test_the_ticket_is_asked_for_the_configured_server(expected: str, asks: str) -> None:
    choose((KERBEROS_OFFER,), kerberos(expected))
    assert asked == [asks]


@pytest.mark.parametrize("expected", ["yarn/localhost@REALM", "rm/other@REALM", "rm", ""])
def test_no_ticket_is_shown_to_another_server(expected: str) -> None:
    with pytest.raises(AuthenticationError, match="the server's principal is rm/localhost"):
        choose((KERBEROS_OFFER,), kerberos(expected))
    assert asked == []


@pytest.mark.parametrize(
    ("offers", "login", "advice"),
    [
        ((token_offer(), KERBEROS_OFFER), Login(simple=ALICE), "run kinit"),
        ((KERBEROS_OFFER,), Login(token=TOKEN), "the client has a token of kind YARN_AM_RM_TOKEN"),
        ((token_offer(), SIMPLE_OFFER), kerberos("rm/x"), "fallback-to-simple-auth-allowed"),
        ((SIMPLE_OFFER,), Login(token=TOKEN), "accepts SIMPLE; the client has a token"),
        ((), Login(token=TOKEN), "accepts nothing"),
    ],
)
def test_no_way_in_is_explained(offers: tuple[SaslAuth, ...], login: Login, advice: str) -> None:
    with pytest.raises(AuthenticationError, match=advice):
        choose(offers, login)


def test_a_secret_is_in_no_representation() -> None:
    login = Login(token=TOKEN, cnonce="c")
    assert "password" not in repr(login)
    assert "password" not in repr(choose((token_offer(),), login))


@pytest.mark.parametrize(
    ("text", "least"),
    [
        ("authentication", Protection.AUTHENTICATION),
        ("privacy", Protection.PRIVACY),
        ("privacy, INTEGRITY", Protection.INTEGRITY),
    ],
)
def test_protection_is_read_from_hadoops_words(text: str, least: Protection) -> None:
    assert Protection.parse(text) is least


@pytest.mark.parametrize("text", ["", "auth-conf", "privacy,none"])
def test_an_unknown_protection_is_named(text: str) -> None:
    with pytest.raises(ConfigurationError, match="expected authentication, integrity or privacy"):
        Protection.parse(text)


def test_too_little_protection_is_refused() -> None:
    with pytest.raises(AuthenticationError, match=r"offers authentication.*requires privacy"):
        Protection.choose(1, Protection.PRIVACY)
    with pytest.raises(AuthenticationError, match="no known protection"):
        Protection.choose(8, Protection.AUTHENTICATION)
    assert Protection.choose(7, Protection.AUTHENTICATION) is Protection.PRIVACY
