"""The Pythons that programs of users are run with."""

from __future__ import annotations

import os
import sys

PYTHONS = [sys.executable, *os.environ.get("YARNHUB_TEST_INTERPRETERS", "").split()]  # noqa: TID251
"""The tests' own, and newer ones: `./test` makes an environment of each that it finds."""
