"""The calling user and the environment that a cluster is started in."""

from __future__ import annotations

import dataclasses
import os
import pwd
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

INHERITED_VARIABLES = ("HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "LOGNAME", "TZ", "USER")
"""The caller's variables that daemons inherit; all others are dropped."""


@dataclasses.dataclass(frozen=True, slots=True)
class Host:
    """The calling user, the user's folders and environment.

    Attributes:
        user: The OS user's name.
        is_root: Whether it is root.
        cache: The folder for downloads.
        state: The default parent of state folders.
        environment: `INHERITED_VARIABLES`, PATH and JAVA_HOME, as far as they are set.
    """

    user: str
    is_root: bool
    cache: Path
    state: Path
    environment: Mapping[str, str]

    @property
    def path(self) -> str:
        """The search path for programs, with `sbin`, where Debian installs a KDC."""
        inherited = self.environment.get("PATH") or "/usr/local/bin:/usr/bin:/bin"
        parts = inherited.split(":")
        missing = [part for part in ("/usr/sbin", "/sbin") if part not in parts]
        return ":".join(parts + missing)

    @classmethod
    def from_environment(cls, variables: Mapping[str, str] | None = None) -> Host:
        """Read the process's environment.

        `HadoopCluster()` is called from programs whose entry points are not ours.

        Args:
            variables: The environment; None reads the process's.
        """
        given = os.environ if variables is None else variables  # noqa: TID251  # see above
        user = pwd.getpwuid(os.getuid())
        home = Path(given.get("HOME") or user.pw_dir)
        names = (*INHERITED_VARIABLES, "PATH", "JAVA_HOME")
        return cls(
            user=user.pw_name,
            is_root=os.getuid() == 0,
            cache=Path(given.get("XDG_CACHE_HOME") or home / ".cache") / "yarnhub",
            state=Path(given.get("XDG_STATE_HOME") or home / ".local" / "state") / "yarnhub",
            environment={name: given[name] for name in names if given.get(name)},
        )
