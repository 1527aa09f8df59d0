"""The certificate and key by which applications and their clients know each other."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from skein import environment
from skein.blocking import skeins_errors
from skein.document import Document
from skein.environment import credentials_folder
from skein.exceptions import context
from skein.files import File
from yarnhub import spec
from yarnhub.base.errors import ConfigurationError, SpecError
from yarnhub.client.access.credentials import CERTIFICATE_FILE, KEY_FILE, Credentials
from yarnhub.client.application.container_folder import skeins_pair

if TYPE_CHECKING:
    from typing import Self

    from yarnhub.spec import _reading as read


class Security(Document, spec.Security):
    """A certificate and its key, each as a file or as its content in PEM.

    Its representation shows no contents.
    """

    __slots__ = ()

    cert_file: File | None
    key_file: File | None
    cert_bytes: bytes | None
    key_bytes: bytes | None

    checks: ClassVar[read.Checks] = {
        **spec.Security.checks,
        "cert_file": File.read,
        "key_file": File.read,
    }

    def __init__(
        self,
        cert_file: File | str | None = None,
        key_file: File | str | None = None,
        cert_bytes: bytes | str | None = None,
        key_bytes: bytes | str | None = None,
    ) -> None:
        self._fill(locals())

    def __repr__(self) -> str:
        return "Security<...>"

    @classmethod
    def _of(cls, pair: Credentials) -> Self:
        return cls(cert_bytes=pair.certificate, key_bytes=pair.key)

    @classmethod
    def _in(cls, folder: Path) -> Self:
        return cls(cert_file=str(folder / CERTIFICATE_FILE), key_file=str(folder / KEY_FILE))

    @classmethod
    def new_credentials(cls) -> Self:
        """A new pair, which is kept nowhere."""
        return cls._of(Credentials.generate())

    @classmethod
    def from_default(cls) -> Self:
        """The pair of the container that this process runs in, or the user's own."""
        try:
            container = environment.current_container()
        except ConfigurationError as error:
            return cls._in_container(error)
        return cls.from_user() if container is None else cls._of(container.credentials)

    @classmethod
    def _default_for(cls, app_id: str) -> Self:
        """The pair that reaches an application: in a container, its own application's for that."""
        with contextlib.suppress(ConfigurationError):  # the pair is in its folder
            container = environment.current_container()
            if container is not None and container.application_id != app_id:
                return cls.from_user()  # as what is submitted from there
        return cls.from_default()

    @classmethod
    def _in_container(cls, missing: ConfigurationError) -> Self:
        """The pair in the container's folder, where skein 0.8 put it."""
        if pair := skeins_pair(environment.variables()):
            return cls(*map(str, pair))
        raise FileNotFoundError("Failed to resolve .skein.{crt,pem} in 'LOCAL_DIRS'") from missing

    @classmethod
    def from_user(cls) -> Self:
        """The pair in the user's configuration folder.

        It is created, with a warning, on first use. If another process has just created it, there
        is no warning.
        """
        folder = credentials_folder()
        text = f"Skein global security credentials not found, writing now to '{folder}'."
        with skeins_errors():
            Credentials.read_or_create(folder, created=lambda: context.warn(text))
        return cls._in(folder)

    @classmethod
    def from_directory(cls, directory: str | Path) -> Self:
        """The pair that `to_directory` left in a folder.

        Raises:
            FileNotFoundError: There is none, or half of one.
        """
        folder = Path(directory).absolute()
        for path in folder / CERTIFICATE_FILE, folder / KEY_FILE:
            if not path.exists():
                raise FileNotFoundError(f"{directory} holds no credentials: there is no '{path}'")
        return cls._in(folder)

    def to_directory(self, directory: str | Path, force: bool = False) -> Self:  # noqa: FBT001, FBT002  # skein's signature
        """Write the pair into a folder, as files that only the user can read.

        Returns:
            The same pair, by its files.

        Raises:
            FileExistsError: One is there, and `force` is False.
        """
        folder = Path(directory)
        with skeins_errors():
            credentials_of(self).write(folder, force=force)
        return self._in(folder)

    def _get_bytes(self, kind: str) -> bytes:
        # Not public in skein, and yet in the tests of programs that use it.
        pair = credentials_of(self)
        return {"cert": pair.certificate, "key": pair.key}[kind]


def credentials_of(security: spec.Security) -> Credentials:
    """The pair, read from its files where it is given as files.

    Raises:
        FileNotFoundError: A file does not exist.
        ValueError: A file is not on this machine, or cannot be read.
    """
    try:
        return Credentials.of(security)
    except SpecError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            raise FileNotFoundError(str(error)) from error
        raise
