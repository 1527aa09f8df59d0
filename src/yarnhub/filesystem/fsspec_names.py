"""The classes with which fsspec opens `hdfs://`, in programs written for pyarrow.

hdfs-native registers fsspec's names `hdfs` and `viewfs` for classes that do not support pyarrow's
arguments: `host="default"`, a URL as a host, `user` and `extra_conf`. Ours do. Entry points do not
help: of two for one name fsspec uses the first it finds.
"""

from __future__ import annotations

import importlib.util
import sys
from importlib.abc import MetaPathFinder
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from importlib.machinery import ModuleSpec
    from types import ModuleType

_MODULE = "yarnhub.filesystem.fsspec_hdfs"
_CLASSES = {"hdfs": "FsspecHdfs", "viewfs": "FsspecViewfs"}


def register() -> None:
    """Register our classes for both names in fsspec: now, or when it is imported."""
    if "fsspec" in sys.modules:
        _register()
    elif not any(isinstance(each, _Watch) for each in sys.meta_path):
        sys.meta_path.insert(0, _Watch())


class _Watch(MetaPathFinder):
    """Waits for the import of fsspec, which is too slow to be done in advance."""

    def find_spec(self, name: str, *_: object) -> ModuleSpec | None:
        """See `importlib.abc.MetaPathFinder`."""
        if name != "fsspec" or self not in sys.meta_path:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            spec.loader.exec_module = _then_register(spec.loader.exec_module)  # type: ignore[method-assign,assignment]  # of this one
        return spec


def _then_register(execute: Callable[[ModuleType], None]) -> Callable[[ModuleType], None]:
    def execute_and_register(module: ModuleType) -> None:
        execute(module)
        _register()

    return execute_and_register


def _register() -> None:
    from fsspec.registry import known_implementations, register_implementation, registry

    for name, kind in _CLASSES.items():
        known = known_implementations.get(name, {}).get("class", "")
        if not known.startswith("hdfs_native."):
            continue  # any other registration of the name is kept
        register_implementation(name, f"{_MODULE}.{kind}", clobber=True)
        if name in registry:  # it is in use
            ours = getattr(importlib.import_module(_MODULE), kind)
            register_implementation(name, ours, clobber=True)
