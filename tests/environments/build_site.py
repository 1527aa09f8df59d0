"""The site of a platform's builds, with wheels of its own and no network."""

from __future__ import annotations

import contextlib
import json
import secrets
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from environments.wheels import wheel

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Site:
    """A site that has the package `table`.

    Attributes:
        file: Its configuration.
        wheels: A folder that the nodes' containers of all users can read.
    """

    file: Path
    wheels: Path

    def specification(self, name: str) -> dict[str, object]:
        """An environment whose content no other has."""
        version = f"1.{secrets.randbelow(10**9)}"
        wheel(self.wheels, "table", version)
        return {"name": name, "pip": [f"table=={version}"]}


@contextlib.contextmanager
def build_site(cache: Path | None = None) -> Iterator[Site]:
    """A new site.

    Args:
        cache: Of copied interpreters and of the builder; a new one by default.
    """
    folder = Path(tempfile.mkdtemp(prefix="yarnhub-test-", dir="/tmp"))  # pytest's are private
    folder.chmod(0o755)
    try:
        wheel(folder / "wheels", "table")
        if cache is None:
            cache = folder / "cache"
            cache.mkdir(0o700)
        file = folder / "site.json"
        wheels = str(folder / "wheels")
        keys = {"find_links": [wheels], "no_index": True, "cache": str(cache)}
        file.write_text(json.dumps(keys))
        yield Site(file, folder / "wheels")
    finally:
        shutil.rmtree(folder)
