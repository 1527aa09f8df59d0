"""RC4 against published vectors."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yarnhub.hadoop.wire.rc4 import Rc4


@pytest.mark.parametrize(
    ("key", "plain", "cipher"),
    [
        (b"Key", b"Plaintext", "bbf316e8d940af0ad3"),
        (b"Wiki", b"pedia", "1021bf0420"),
        (b"Secret", b"Attack at dawn", "45a01f645fc35b383552544b9bf5"),
        # RFC 6229, 40 and 128 bit keys, offset 0.
        (bytes(range(1, 6)), bytes(16), "b2396305f03dc027ccc3524a0a1118a8"),
        (bytes(range(1, 17)), bytes(16), "9ac7cc9a609d1ef7b2932899cde41b97"),
    ],
)
def test_published_vectors(key: bytes, plain: bytes, cipher: str) -> None:
    assert Rc4(key).update(plain).hex() == cipher


@given(st.binary(min_size=1, max_size=32), st.lists(st.binary(max_size=50)))
def test_the_state_runs_on_from_piece_to_piece(key: bytes, pieces: list[bytes]) -> None:
    cut, whole = Rc4(key), Rc4(key)
    assert b"".join(map(cut.update, pieces)) == whole.update(b"".join(pieces))
