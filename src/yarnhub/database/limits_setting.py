"""The setting `limits_database` of services whose limits administrators change on the platform."""

from __future__ import annotations

from yarnhub.base.errors import ConfigurationError
from yarnhub.sessions.shared_limits import SharedLimits

HELP = """The URL of the platform's database, as in `c.Platform.database`, with the limits that
administrators set on its page: they apply instead of the limits in this file, within seconds. It
needs `yarnhub[platform]`. By default, only the limits in this file apply."""
"""The help of the setting."""


def shared_limits(setting: str, url: str) -> SharedLimits:
    """The limits in the database of a setting.

    Args:
        setting: The setting's name, for errors.
        url: The database's URL; empty for none.

    Raises:
        ConfigurationError: The URL is invalid, or the packages for it are not installed.
    """
    if not url:
        return SharedLimits()
    try:
        from yarnhub.database.connections import Database
        from yarnhub.database.limits import opened
        from yarnhub.database.location import Location

        database = Database(Location.parse(url), keep=False)
    except ImportError as error:
        raise ConfigurationError(
            f"{setting}: install `yarnhub[platform]`: {error.name} is missing"
        ) from error
    except ConfigurationError as error:
        raise ConfigurationError(f"{setting}: {error}") from error
    return SharedLimits(lambda: opened(database))
