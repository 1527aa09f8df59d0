"""A kernel with Spark: an IPython kernel in which the first use of `spark` or `sc` starts it."""

from __future__ import annotations

import atexit
import functools
import importlib.util
import os
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import words
from .cells import Cells
from .properties import SCALA as SCALA_CELLS
from .scala import Scala
from .service import Service
from .session import Session, Sessions
from .settings import SCALA, SettingsError, SparkSettings, container_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

    from .progress import Shell

_SPARK, _CONTEXT = "spark", "sc"
_PYSPARK = "pyspark"


class Names(dict[str, Any]):
    """A user's variables. If `spark` or `sc` is missing, its first use creates it.

    Python looks variables up by `__missing__`, too, in functions as well.

    Args:
        create: Returns the current session, or a new one.
        used: Whether what looks a name up is the user's code: a completion starts no JVM.
    """

    def __init__(self, create: Callable[[], Session], used: Callable[[], bool]) -> None:
        super().__init__()
        self._create = create
        self._used = used

    def __missing__(self, name: str) -> Any:  # a variable of the user
        if name not in (_SPARK, _CONTEXT) or not self._used():
            raise KeyError(name)
        session = self._create()
        self.setdefault(_SPARK, session)
        self.setdefault(_CONTEXT, session.sparkContext)
        return self[name]

    def forget(self) -> None:
        """Drop the objects of a session that has ended."""
        pyspark = sys.modules[_PYSPARK]
        if isinstance(self.get(_SPARK), pyspark.sql.SparkSession):
            del self[_SPARK]
        if isinstance(self.get(_CONTEXT), pyspark.SparkContext):
            del self[_CONTEXT]


def main(argv: Sequence[str] | None = None) -> None:
    """Run the kernel until it is shut down, as `python -m ipykernel_launcher` does.

    Args:
        argv: The arguments of ipykernel; None for those of the command line.
    """
    # It would hide installed packages while ipykernel is imported. IPython adds it again.
    if sys.path[:1] and Path(sys.path[0] or ".").resolve() == Path.cwd():
        del sys.path[0]
    environment = os.environ  # noqa: TID251  # the entry point
    try:
        settings = SparkSettings.from_environment(environment)
    except SettingsError as error:
        sys.exit(str(error))
    if settings is None:
        sys.exit(words.NO_SETTINGS)
    if settings.language == SCALA:
        settings = replace(settings, settings={SCALA_CELLS: "true", **settings.settings})
    folder = container_folder(environment)
    sys.path[:0] = [str(folder / name) for name in settings.python]

    from ipykernel.kernelapp import IPKernelApp

    service = Service(environment)
    sessions = Sessions(settings, environment, folder, service)
    cells = Cells(sessions, service)
    names = Names(sessions.create, cells.in_user_code)
    scala = Scala(sessions, cells)

    def forget() -> None:
        scala.forget()
        names.forget()

    cells.forget = forget
    options: dict[str, Any] = {"user_ns": names}
    if settings.language == SCALA:
        from .scala_kernel import scala_kernel

        sessions.left = words.SCALA_LOST
        options["kernel_class"] = scala_kernel(settings, scala)
    app: Any = IPKernelApp.instance(**options)  # its methods have no types
    app.initialize(list(argv) if argv is not None else None)
    cells.observe(app.shell)
    scala.observe(app.shell)
    install_on_import(sessions.install)
    sessions.end_earlier()
    atexit.register(sessions.close)
    if settings.connect:
        from .connect import ConnectServer  # kernels of notebooks start without TLS

        idle = functools.partial(_publish_idle, app.shell)
        ConnectServer(sessions, service, environment, folder, idle).start()
    app.start()


def _publish_idle(shell: Shell) -> None:
    """Publish that no cell runs, as after a cell: no client asks for it."""
    publisher = shell.display_pub
    content = {"execution_state": "idle"}
    publisher.session.send(publisher.pub_socket, "status", content, ident=b"status")


def install_on_import(install: Callable[[], None]) -> None:
    """Call `install` as soon as pyspark has been imported, which may be never."""
    if _PYSPARK in sys.modules:
        install()
    else:
        sys.meta_path.insert(0, _Finder(install))


class _Finder:
    """Finds pyspark as others do, and has something done when it has been loaded."""

    def __init__(self, then: Callable[[], None]) -> None:
        self._then = then
        self._local = threading.local()

    def find_spec(
        self,
        name: str,
        path: Sequence[str] | None = None,  # noqa: ARG002  # the import system's
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        """The module's spec; see `importlib.abc.MetaPathFinder`."""
        if name != _PYSPARK or getattr(self._local, "looks", False):
            return None
        self._local.looks = True
        try:
            spec = importlib.util.find_spec(name)
        finally:
            self._local.looks = False
        if spec is not None and spec.loader is not None:
            loader: Any = _Loader(spec, spec.loader, self._loaded)
            spec.loader = loader
        return spec

    def _loaded(self) -> None:
        if self in sys.meta_path:
            sys.meta_path.remove(self)
            self._then()


class _Loader:
    """Loads a module with its own loader, then calls a function."""

    def __init__(self, spec: ModuleSpec, loader: Any, then: Callable[[], None]) -> None:
        self._spec = spec
        self._loader = loader
        self._then = then

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """See `importlib.abc.Loader`."""
        module: ModuleType | None = self._loader.create_module(spec)
        return module

    def exec_module(self, module: ModuleType) -> None:
        """See `importlib.abc.Loader`."""
        self._spec.loader = module.__loader__ = self._loader
        self._loader.exec_module(module)
        self._then()
