"""The certificate with which a client and its ApplicationMaster authenticate."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from yarnhub.base.errors import SpecError, SpecTypeError
from yarnhub.spec import _reading as read
from yarnhub.spec.file import File


def _pem(value: object) -> bytes:
    content = value.encode() if isinstance(value, str) else value
    if not isinstance(content, bytes):
        raise SpecTypeError("", "must be PEM, that is ASCII text or bytes")
    if not content.isascii():
        raise SpecError("", "must be PEM, that is ASCII text or bytes")
    return content


@dataclass(frozen=True, slots=True, kw_only=True)
class Security(read.Element):
    """A certificate and its private key in PEM, each as a file or as its content.

    The contents appear in no representation.
    """

    cert_file: File | None = None
    cert_bytes: bytes | None = field(default=None, repr=False)
    key_file: File | None = None
    key_bytes: bytes | None = field(default=None, repr=False)

    checks: ClassVar[read.Checks] = {
        "cert_file": File.read,
        "cert_bytes": _pem,
        "key_file": File.read,
        "key_bytes": _pem,
    }

    def _check(self) -> None:
        for one, other in ("cert_file", "cert_bytes"), ("key_file", "key_bytes"):
            if (getattr(self, one) is None) == (getattr(self, other) is None):
                raise SpecError("", f"give exactly one of `{one}` and `{other}`")

    def _document(self, *, secrets: bool, nulls: bool) -> dict[str, object]:
        withheld = self.key_bytes is not None and not secrets
        return {} if withheld else read.Element._document(self, secrets=secrets, nulls=nulls)  # noqa: SLF001  # ours
