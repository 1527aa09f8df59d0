"""The certificate that a client and its ApplicationMaster know each other by."""

from __future__ import annotations

from dataclasses import dataclass, field

from yarnhub.base.errors import SpecError
from yarnhub.spec._reading import Element, checked, override
from yarnhub.spec.file import File


def _pem(value: object) -> bytes:
    content = value.encode() if isinstance(value, str) else value
    if not isinstance(content, bytes) or not content.isascii():
        raise SpecError("", "must be PEM, that is ASCII text or bytes")
    return content


_file = checked(File.read)
_bytes = checked(_pem)


@dataclass(frozen=True, slots=True, kw_only=True)
class Security(Element):
    """A certificate and its private key in PEM, each as a file or as its content.

    The contents appear in no representation.
    """

    cert_file: File | None = field(default=None, metadata=_file)
    cert_bytes: bytes | None = field(default=None, metadata=_bytes, repr=False)
    key_file: File | None = field(default=None, metadata=_file)
    key_bytes: bytes | None = field(default=None, metadata=_bytes, repr=False)

    @override
    def _check(self) -> None:
        for one, other in ("cert_file", "cert_bytes"), ("key_file", "key_bytes"):
            if (getattr(self, one) is None) == (getattr(self, other) is None):
                raise SpecError("", f"give exactly one of `{one}` and `{other}`")

    @override
    def to_dict(self, *, secrets: bool = False) -> dict[str, object]:
        """Write the document that `from_dict` reads.

        Args:
            secrets: Whether `key_bytes` is written too; without it, the document of a Security
                that holds one cannot be read back.
        """
        document = Element.to_dict(self, secrets=secrets)
        if not secrets:
            document.pop("key_bytes", None)
        return document
