"""A Jupyter notebook server in a container: `python -m skein.recipes.jupyter_notebook`.

The server listens on its node's host. As soon as it does, where it is and its token are put into
the application's key-value store, under the key `jupyter.notebook.info`, as a JSON document. It
ends, successfully, when it is told to by the Quit button.

All arguments but `--notebook-info-key` are the notebook server's own.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import socket
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skein.application_client import ApplicationClient
from skein.exceptions import SkeinError
from yarnhub.base.errors import YarnhubError
from yarnhub.base.foreign_text import clean_and_cut

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping, Sequence

INFO_KEY = "jupyter.notebook.info"

# The notebook server has types only where it is installed: here it is Any.


def main(argv: Sequence[str] | None = None) -> int:
    """Run the server; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m skein.recipes.jupyter_notebook",
        description="Run a Jupyter notebook server in a container and tell where it is.",
        epilog="All other arguments are those of `jupyter notebook`, see its --help-all.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--notebook-info-key",
        default=INFO_KEY,
        metavar="KEY",
        help="where to put the server's address and token; default: %(default)s",
    )
    arguments, rest = parser.parse_known_args(argv)
    variables = os.environ  # noqa: TID251  # this is an entry point
    try:
        with ApplicationClient.from_current() as application:
            prepare_folders(variables, Path.cwd())
            server = _initialize(rest, variables.get("NM_HOST") or socket.gethostname())
            document = json.dumps(server_info(server, variables)).encode()
            return _run(server, lambda: application.kv.put(arguments.notebook_info_key, document))
    except (SkeinError, YarnhubError, ValueError) as error:
        print(f"Error: {clean_and_cut(str(error))}", file=sys.stderr)  # noqa: T201  # this is a program
        return 1


def prepare_folders(variables: MutableMapping[str, str], folder: Path) -> None:
    """Have Jupyter and IPython keep their files in the container's folder.

    A container's HOME need not exist, and is seldom writable. What is set stays.
    """
    root = folder / ".jupyter"
    root.mkdir(mode=0o700, exist_ok=True)
    for name, place in (
        ("JUPYTER_CONFIG_DIR", "config"),
        ("JUPYTER_DATA_DIR", "share"),
        ("JUPYTER_RUNTIME_DIR", "runtime"),
        ("IPYTHONDIR", "ipython"),
    ):
        variables.setdefault(name, str(root / place))


def _initialize(argv: list[str], host: str) -> Any:
    """The server, which has its port but does not answer yet."""
    try:
        notebook = importlib.import_module("notebook.app")
    except ImportError as error:
        raise SkeinError(
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


def server_info(server: Any, variables: MutableMapping[str, str]) -> dict[str, object]:
    """Where a server is and how to log in, as users find it under the key."""
    everywhere = server.ip in ("", "0.0.0.0", "::")  # noqa: S104  # compared, not bound
    return {
        "protocol": "https" if server.certfile else "http",
        "host": variables.get("NM_HOST") or socket.gethostname() if everywhere else server.ip,
        "port": server.port,
        "base_url": server.base_url,
        "token": server.identity_provider.token,
    }


def _run(server: Any, publish: Callable[[], None]) -> int:
    """Serve until the end; returns the exit code."""
    failures: list[Exception] = []

    def try_to_publish() -> None:
        try:
            publish()
        except SkeinError as error:
            # Nobody would ever find the server.
            failures.append(error)
            server.io_loop.add_callback(server.stop)

    # In a thread: the server answers meanwhile.
    thread = threading.Thread(target=try_to_publish, name="publish")
    server.io_loop.add_callback(thread.start)
    server.start()
    if failures:
        raise failures[0]
    return 0


if __name__ == "__main__":
    sys.exit(main())
