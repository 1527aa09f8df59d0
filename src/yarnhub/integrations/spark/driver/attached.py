"""Spark in a kernel that a user's own server has started: `import pyspark` uses the cluster."""

from __future__ import annotations

import atexit
import hashlib
import os
import secrets
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from . import words
from .cells import Cells
from .kernel import install_on_import
from .service import Service
from .session import Sessions
from .settings import SettingsError, SparkSettings, container_folder


def attach(shell: Any) -> None:  # IPython's
    """Have sessions of PySpark start in this process's container; errors are only printed.

    Args:
        shell: The kernel's.
    """
    environment = os.environ  # noqa: TID251  # the server's, which it has prepared for this
    try:
        settings = SparkSettings.from_environment(environment)
    except SettingsError as error:
        print(error, file=sys.stderr)  # noqa: T201  # the server's log
        return
    if settings is None:
        return
    # Several kernels share the server's tags. Each ends what is its own.
    part = _part(shell)
    own = settings.tag.split(",")[-1]
    settings = replace(settings, tag=f"{settings.tag},{own}.{part}" if own else "")
    folder = container_folder(environment)
    service = Service(environment, part)
    sessions = Sessions(settings, environment, folder, service)
    Cells(sessions, service).observe(shell)
    # After the environment's own packages, which may include another pyspark.
    sys.path.extend(str(folder / name) for name in settings.python)
    install_on_import(lambda: _install(sessions))
    atexit.register(sessions.close)


def _part(shell: Any) -> str:
    """The part of the tag for this kernel's applications, the same after it has been restarted."""
    app = getattr(shell.kernel, "parent", None)
    # A kernel within another program has no connection file.
    file = getattr(app, "abs_connection_file", "") or secrets.token_hex()
    return hashlib.sha256(os.fsencode(file)).hexdigest()[:16]


def _install(sessions: Sessions) -> None:
    import pyspark

    found, expected = pyspark.__version__, sessions.settings.version
    if found == expected:
        sessions.install()
        sessions.end_earlier()
    else:
        place = str(Path(pyspark.__file__ or "").parent)
        sessions.listener.warn(words.other_version(found, expected, place))
