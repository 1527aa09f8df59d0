"""A folder in HDFS with what is published, as an option of commands."""

from __future__ import annotations

from yarnhub.base.errors import ConfigurationError


def checked_root(text: str, default: str) -> str:
    """The folder without a slash at its end; the default one for an empty text.

    Raises:
        ConfigurationError: It is not the path or the URL of a folder.
    """
    from yarnhub.filesystem.paths import Location

    root = text.rstrip("/") or ("" if text else default)
    location = Location.parse(root)
    path = root if location is None else location.path
    if root != default and (not path.startswith("/") or ".." in path.split("/")):
        raise ConfigurationError(
            f"--root {text}: expected the path or the URL of a folder in HDFS below /"
        )
    return root
