"""What programs import from `yarnhub.client`."""

from __future__ import annotations

import subprocess
import sys

import pytest

import yarnhub.client


@pytest.mark.parametrize("name", yarnhub.client.__all__)
def test_every_public_name_is_found(name: str) -> None:
    assert getattr(yarnhub.client, name).__name__ == name


def test_an_unknown_name_is_told() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Klient'"):
        _ = yarnhub.client.Klient


def test_nothing_is_imported_before_it_is_used() -> None:
    code = "import sys, yarnhub.client; print([each for each in sys.modules if 'yarnhub' in each])"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    assert loaded.stdout.decode().strip() == "['yarnhub', 'yarnhub.client']"
