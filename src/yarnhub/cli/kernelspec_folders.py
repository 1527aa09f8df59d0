"""Jupyter's folders of kernelspecs: finding, writing and removing them."""

from __future__ import annotations

import os
import shutil
import sys
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from yarnhub.base.errors import ConfigurationError, SpecError
from yarnhub.base.files import read_regular, sync_folder
from yarnhub.kernels.kernelspec import PROVISIONER
from yarnhub.kernels.kernelspec_file import KernelspecFile, load, parse, provisioner

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FILE = "kernel.json"
_RESOURCES = ("logo-32x32.png", "logo-64x64.png", "logo-svg.svg", "kernel.js", "kernel.css")
"""What Jupyter shows of a kernelspec's folder."""
_LARGEST = 1024 * 1024
"""Bytes of a file in the folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledKernelspec:
    """A kernelspec in one of Jupyter's folders.

    Attributes:
        name: Its folder's, in lower case.
        folder: The folder.
        document: The content of its `kernel.json`; empty if that cannot be read.
        problem: Why it cannot be read; empty if it can.
    """

    name: str
    folder: Path
    document: Mapping[str, object]
    problem: str = ""

    @property
    def is_ours(self) -> bool:
        """Whether its kernels run in containers of YARN."""
        return provisioner(self.document) == PROVISIONER

    def parse(self) -> KernelspecFile:
        """Check it.

        Raises:
            ConfigurationError: It is invalid, or not for YARN.
        """
        if self.problem:
            raise ConfigurationError(f"{self.folder / FILE} cannot be read: {self.problem}")
        try:
            return parse(self.name, self.document)
        except SpecError as error:
            raise ConfigurationError(f"{self.folder / FILE}: {error}") from error


class KernelspecFolders:
    """Jupyter's folders, those that it searches first at the beginning.

    Args:
        folders: The folders.
    """

    def __init__(self, folders: list[Path]) -> None:
        self._folders = folders

    @classmethod
    def of_jupyter(cls) -> KernelspecFolders:
        """The folders of this user.

        Raises:
            ConfigurationError: Jupyter is not installed.
        """
        with _jupyter():
            from jupyter_client.kernelspec import KernelSpecManager

        return cls([Path(folder) for folder in KernelSpecManager().kernel_dirs])

    def all(self) -> list[InstalledKernelspec]:
        """All kernelspecs that Jupyter finds, by name; of one name only the first."""
        found: dict[str, InstalledKernelspec] = {}
        for folder in self._folders:
            for each in kernelspecs_in(folder):
                found.setdefault(each.name, each)
        return [found[name] for name in sorted(found)]

    def find(self, name: str) -> InstalledKernelspec:
        """The kernelspec that Jupyter uses for a name.

        Raises:
            ConfigurationError: It does not exist.
        """
        known = self.all()
        for each in known:
            if each.name == name.lower():
                return each
        names = ", ".join(each.name for each in known) or "none"
        raise ConfigurationError(f"there is no kernelspec {name!r}; installed: {names}")

    def hiding(self, name: str, destination: Path) -> Path | None:
        """Where Jupyter finds another kernelspec of that name before the one in a folder."""
        for folder in self._folders:
            if folder == destination.parent:
                break
            for each in kernelspecs_in(folder):
                if each.name == name:
                    return each.folder
        return None

    def is_searched(self, destination: Path) -> bool:
        """Whether Jupyter searches the folder that a kernelspec is in."""
        return destination.parent in self._folders


def kernelspecs_in(folder: Path) -> list[InstalledKernelspec]:
    """The kernelspecs in a folder; an empty list if it cannot be read."""
    try:
        found = sorted(each for each in folder.iterdir() if (each / FILE).is_file())
    except OSError:
        return []
    return [read_kernelspec(each) for each in found]


def read_kernelspec(folder: Path) -> InstalledKernelspec:
    """The kernelspec in a folder."""
    document: Mapping[str, object] = {}
    problem = ""
    try:
        document = load(read_regular(folder / FILE, _LARGEST).decode())
    except OSError as error:
        problem = error.strerror or str(error)
    except ValueError as error:
        problem = str(error)
    return InstalledKernelspec(
        name=folder.name.lower(), folder=folder, document=document, problem=problem
    )


def destination(name: str, *, user: bool, prefix: str, sys_prefix: bool) -> Path:
    """The folder for a kernelspec; by default the host's, for all users.

    Raises:
        ConfigurationError: Jupyter is not installed.
    """
    if prefix or sys_prefix:
        return Path(prefix or sys.prefix).absolute() / "share" / "jupyter" / "kernels" / name
    with _jupyter():
        from jupyter_core import paths

    return (
        Path(paths.jupyter_data_dir() if user else paths.SYSTEM_JUPYTER_PATH[0]) / "kernels" / name
    )


def check_destination(folder: Path, *, replace: bool) -> None:
    """Refuse a folder that cannot be written, or that is taken.

    Args:
        folder: The kernelspec's.
        replace: Whether an existing kernelspec is replaced.

    Raises:
        ConfigurationError: The message is the reason.
    """
    for each in kernelspecs_in(folder.parent):
        if each.name != folder.name:
            continue
        if each.folder.name != folder.name or each.folder.is_symlink():
            raise ConfigurationError(f"{each.folder} exists: remove it first")
        if not replace:
            whose = "" if each.is_ours else ", for kernels that do not run on YARN"
            raise ConfigurationError(
                f"{each.folder} exists{whose}: use another name, or replace it with --replace"
            )
    if folder.exists() and not (folder / FILE).is_file():
        raise ConfigurationError(f"{folder} exists, and is not a kernelspec: use another name")
    nearest = next(each for each in (folder, *folder.parents) if each.exists())
    if not (nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK)):
        raise ConfigurationError(
            f"{nearest} is not a folder that you can write to: use --user, --prefix or --sys-prefix"
        )


def resources_in(folder: Path) -> dict[str, bytes]:
    """The logos and scripts in a kernelspec's folder, by name."""
    found = {}
    for name in _RESOURCES:
        try:
            found[name] = read_regular(folder / name, _LARGEST)
        except OSError:
            continue
    return found


def write(folder: Path, text: str, resources: Mapping[str, bytes], *, public: bool) -> None:
    """Write a kernelspec; until it is complete, Jupyter finds the old one, or none.

    Args:
        folder: The kernelspec's; see `check_destination`.
        text: Of its `kernel.json`.
        resources: Logos and scripts by name; others of a replaced kernelspec are removed.
        public: Whether all users can read it, whatever the umask.

    Raises:
        ConfigurationError: It cannot be written; a new folder is removed again.
    """
    is_new = not folder.exists()
    try:
        if is_new:
            folder.mkdir(parents=True)
    except OSError as error:
        raise ConfigurationError(f"{folder} cannot be created: {error.strerror}") from error
    try:
        if public:
            folder.chmod(0o755)
        for name, content in {**resources, FILE: text.encode()}.items():
            _write(folder / name, content, public=public)
        for name in _RESOURCES:
            if name not in resources:
                (folder / name).unlink(missing_ok=True)
        sync_folder(folder)
    except OSError as error:
        if is_new:
            shutil.rmtree(folder, ignore_errors=True)
        raise ConfigurationError(f"{folder} cannot be written: {error.strerror}") from error


def _write(path: Path, content: bytes, *, public: bool) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("xb") as file:
            if public:
                os.fchmod(file.fileno(), 0o644)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def remove(found: InstalledKernelspec) -> None:
    """Remove a kernelspec's folder.

    Raises:
        ConfigurationError: It cannot be removed.
    """
    try:
        if found.folder.is_symlink():
            found.folder.unlink()
            return
        (found.folder / FILE).unlink()  # from then on Jupyter does not find it
        shutil.rmtree(found.folder)
    except OSError as error:
        raise ConfigurationError(f"{found.folder} cannot be removed: {error.strerror}") from error


@contextmanager
def _jupyter() -> Iterator[None]:
    """Raise an error that names the package to install if an import of Jupyter fails."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except ImportError as error:
        raise ConfigurationError(
            f"Jupyter is not installed in {sys.prefix} ({error}): pip install 'yarnhub[kernels]'"
        ) from error
