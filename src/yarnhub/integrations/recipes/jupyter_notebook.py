"""A Jupyter notebook server in a container.

The server listens on its node's host. As soon as it does, its address and its token are put into
the application's key-value store, under the key `jupyter.notebook.info`, as a JSON document. It
ends, successfully, when it is told to by the Quit button.
"""

from __future__ import annotations

import importlib
import json
import sys
import threading
from typing import TYPE_CHECKING, Any

from yarnhub.base.errors import ConfigurationError, YarnhubError
from yarnhub.integrations.recipes.recipe import Recipe

if TYPE_CHECKING:
    from yarnhub.integrations.recipes.recipe import Publication

# The notebook server has types only where it is installed: here it is Any.


def _serve(argv: list[str], publication: Publication) -> int:
    server = _initialize(argv, publication.host)
    document = json.dumps(server_info(server, publication.host)).encode()
    failures: list[Exception] = []

    def publish() -> None:
        try:
            publication.publish(document)
        except (YarnhubError, OSError) as error:
            # Nobody would ever find the server.
            failures.append(error)
            server.io_loop.add_callback(server.stop)

    # In a thread: the server answers meanwhile.
    thread = threading.Thread(target=publish, name="publish")
    server.io_loop.add_callback(thread.start)
    server.start()
    if failures:
        raise failures[0]
    return 0


def _initialize(argv: list[str], host: str) -> Any:
    """The server, which has its port but does not answer yet."""
    try:
        notebook = importlib.import_module("notebook.app")
    except ImportError as error:
        raise ConfigurationError(
            f"the package `notebook`, version 7 or newer, cannot be imported ({error}): install it "
            f"into the environment of {sys.executable}"
        ) from error
    server = notebook.JupyterNotebookApp.initialize_server(
        # What follows overrides what stands before; arguments override the defaults below.
        argv=["--no-browser", *argv],
        ip=host,
        # Whether containers run as root is for the cluster to say.
        allow_root=True,
    )
    # Jupyter prints a token of its own making, and the logs are kept and shown to others.
    server.identity_provider.token_generated = False
    return server


def server_info(server: Any, host: str) -> dict[str, object]:
    """Where a server is and how to log in, as users find it under the key."""
    everywhere = server.ip in ("", "0.0.0.0", "::")  # noqa: S104  # compared, not bound
    return {
        "protocol": "https" if server.certfile else "http",
        "host": host if everywhere else server.ip,
        "port": server.port,
        "base_url": server.base_url,
        "token": server.identity_provider.token,
    }


JUPYTER_NOTEBOOK = Recipe(
    description="Run a Jupyter notebook server in a container and tell where it is.",
    epilog="All other arguments are those of `jupyter notebook`, see its --help-all.",
    option="--notebook-info-key",
    option_help="where to put the server's address and token",
    key="jupyter.notebook.info",
    serve=_serve,
)
