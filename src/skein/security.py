"""The certificate and key by which applications and their clients know each other."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from skein import environment
from skein.document import Document
from skein.files import File
from yarnhub import spec
from yarnhub.client.security import Credentials

if TYPE_CHECKING:
    from typing import Self

    from yarnhub.spec import _reading as read


class Security(Document, spec.Security):
    """A certificate and its key, each as a file or as its content in PEM.

    Its representation shows no contents.
    """

    __slots__ = ()

    cert_file: File | None
    cert_bytes: bytes | None
    key_file: File | None
    key_bytes: bytes | None

    checks: ClassVar[read.Checks] = {
        **spec.Security.checks,
        "cert_file": File.read,
        "key_file": File.read,
    }

    def __init__(
        self,
        cert_file: File | str | None = None,
        cert_bytes: bytes | str | None = None,
        key_file: File | str | None = None,
        key_bytes: bytes | str | None = None,
    ) -> None:
        self._fill(
            cert_file=cert_file, cert_bytes=cert_bytes, key_file=key_file, key_bytes=key_bytes
        )

    @classmethod
    def _of(cls, pair: Credentials) -> Self:
        return cls(cert_bytes=pair.certificate, key_bytes=pair.key)

    @classmethod
    def new_credentials(cls) -> Self:
        """A new pair, which is kept nowhere."""
        return cls._of(Credentials.generate())

    @classmethod
    def from_default(cls) -> Self:
        """The pair of the container that this process runs in, or the user's own."""
        container = environment.current_container()
        return cls.from_user() if container is None else cls._of(container.credentials)

    @classmethod
    def from_user(cls) -> Self:
        """The pair in the user's configuration folder, which is made on first use."""
        return cls._of(Credentials.read_or_create(environment.credentials_folder()))

    @classmethod
    def from_directory(cls, directory: str | Path) -> Self:
        """The pair that `to_directory` or `skein config gencerts` left in a folder.

        Raises:
            FileNotFoundError: There is none.
        """
        pair = Credentials.read(Path(directory))
        if pair is None:
            raise FileNotFoundError(f"{directory} holds no credentials (skein.crt and skein.pem)")
        return cls._of(pair)

    def to_directory(self, directory: str | Path, force: bool = False) -> None:  # noqa: FBT001, FBT002
        """Write the pair into a folder, as files that only the user can read.

        Raises:
            FileExistsError: One is there, and `force` is False.
        """
        folder = Path(directory)
        if not force and Credentials.read(folder) is not None:
            raise FileExistsError(f"{folder} holds credentials already; force=True replaces them")
        credentials_of(self).write(folder)


def credentials_of(security: spec.Security) -> Credentials:
    """The pair, read from its files where it is given as files."""
    return Credentials.of(security)
