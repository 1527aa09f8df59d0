"""Certificates and keys: complete, and never shown."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given

from spec.strategies import Document, securities
from yarnhub.base.errors import SpecError
from yarnhub.spec import File, Security

KEY, CERT = b"-----BEGIN KEY-----\nsecret", b"-----BEGIN CERT-----\npublic"


@given(securities)
def test_what_is_written_with_its_secrets_is_read_back(security: Security) -> None:
    assert Security.from_dict(security.to_dict(secrets=True)) == security
    assert pickle.loads(pickle.dumps(security)) == security


def test_a_key_is_not_shown() -> None:
    security = Security(cert_bytes=CERT, key_bytes=KEY)
    assert "secret" not in repr(security) + str(security)
    assert security.to_dict() == {}
    assert security.to_dict(secrets=True) == {
        "cert_bytes": CERT.decode(),
        "key_bytes": KEY.decode(),
    }


def test_a_key_in_place_of_its_file_is_not_shown() -> None:
    pasted = "-----BEGIN PRIVATE KEY-----\n" + "secret" * 10
    with pytest.raises(SpecError, match="must be one line of text") as caught:
        Security.from_dict({"cert_file": "a", "key_file": pasted})
    assert "secret" not in str(caught.value)


def test_a_file_is_no_secret() -> None:
    security = Security.from_dict({"cert_file": "a.crt", "key_file": "a.pem"})
    assert security == Security(cert_file=File(source="a.crt"), key_file=File(source="a.pem"))
    assert Security.from_dict(security.to_dict()) == security


@pytest.mark.parametrize(
    ("document", "path", "reason"),
    [
        ({}, "", "give exactly one of `cert_file` and `cert_bytes`"),
        ({"cert_file": "a"}, "", "give exactly one of `key_file` and `key_bytes`"),
        ({"key_file": "a"}, "", "give exactly one of `cert_file` and `cert_bytes`"),
        (
            {"cert_file": "a", "cert_bytes": CERT, "key_file": "a"},
            "",
            "give exactly one of `cert_file` and `cert_bytes`",
        ),
        (
            {"cert_file": "a", "key_bytes": KEY, "key_file": "a"},
            "",
            "give exactly one of `key_file` and `key_bytes`",
        ),
        ({"cert_bytes": "ü", "key_file": "a"}, "cert_bytes", "must be PEM, that is ASCII"),
        ({"cert_file": "a", "key_bytes": 1}, "key_bytes", "must be PEM, that is ASCII"),
    ],
)
def test_one_of_each_pair_is_needed(document: Document, path: str, reason: str) -> None:
    with pytest.raises(SpecError) as caught:
        Security.from_dict(document)
    assert caught.value.path == path
    assert caught.value.reason.startswith(reason)


@pytest.mark.parametrize("key", ["söcret", b"s\xffcret", ["secret"], {"secret": 1}])
def test_an_error_does_not_show_a_key(key: object) -> None:
    with pytest.raises(SpecError) as caught:
        Security.from_dict({"cert_bytes": CERT, "key_bytes": key})
    assert "cret" not in str(caught.value)
