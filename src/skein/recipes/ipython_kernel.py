"""An IPython kernel in a container: `python -m skein.recipes.ipython_kernel`.

The kernel listens on its node's address. As soon as it does, what a client needs to connect is put
into the application's key-value store, under the key `ipython.kernel.info`, as a JSON document:
the content of a connection file. Who has it runs code as the application's user; messages that are
not signed with its key are not answered.

All arguments but `--kernel-info-key` are the kernel's own.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skein.application_client import ApplicationClient
from skein.exceptions import SkeinError
from skein.recipes.jupyter_notebook import prepare_folders
from yarnhub.base.errors import YarnhubError
from yarnhub.base.foreign_text import clean_and_cut

if TYPE_CHECKING:
    from collections.abc import Sequence

INFO_KEY = "ipython.kernel.info"

# The kernel has types only where it is installed: here it is Any.


def main(argv: Sequence[str] | None = None) -> int:
    """Run the kernel; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m skein.recipes.ipython_kernel",
        description="Run an IPython kernel in a container and tell how to connect to it.",
        epilog="All other arguments are those of `python -m ipykernel`, see its --help-all.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--kernel-info-key",
        default=INFO_KEY,
        metavar="KEY",
        help="where to put the connection file's content; default: %(default)s",
    )
    arguments, rest = parser.parse_known_args(argv)
    variables = os.environ  # noqa: TID251  # this is an entry point
    try:
        with ApplicationClient.from_current() as application:
            prepare_folders(variables, Path.cwd())
            host = variables.get("NM_HOST") or socket.gethostname()
            address = socket.gethostbyname(host)  # ZeroMQ binds to no names
            kernel = _initialize(rest, address)
            # It has its ports: what clients send from now on waits for it to start.
            application.kv.put(arguments.kernel_info_key, kernel_info(kernel, address))
        kernel.start()
    except (SkeinError, YarnhubError, ValueError, OSError) as error:
        print(f"Error: {clean_and_cut(str(error))}", file=sys.stderr)  # noqa: T201  # this is a program
        return 1
    return 0


def _initialize(argv: list[str], address: str) -> Any:
    try:
        kernelapp = importlib.import_module("ipykernel.kernelapp")
    except ImportError as error:
        raise SkeinError(
            f"the package `ipykernel` cannot be imported ({error}): install it into the "
            f"environment of {sys.executable}"
        ) from error
    kernel = kernelapp.IPKernelApp.instance(ip=address)  # arguments override it
    kernel.initialize(argv)
    return kernel


def kernel_info(kernel: Any, address: str) -> bytes:
    """The content of a kernel's connection file, as a client elsewhere needs it."""
    found = json.loads(Path(kernel.abs_connection_file).read_text("utf-8"))
    if found["ip"] in ("", "*", "0.0.0.0"):  # noqa: S104  # compared, not bound
        found["ip"] = address
    return json.dumps(found).encode()


if __name__ == "__main__":
    sys.exit(main())
