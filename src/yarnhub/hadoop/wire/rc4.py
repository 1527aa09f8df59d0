"""The stream cipher RC4, used by Hadoop's DIGEST-MD5.

`cryptography` has it only as "decrepit" and is not available in an ApplicationMaster; the standard
library has no ciphers. About 6 MB/s.
"""

from __future__ import annotations


class Rc4:
    """One direction of one connection; its state continues from piece to piece."""

    __slots__ = ("_box", "_i", "_j")

    def __init__(self, key: bytes) -> None:
        box = list(range(256))
        j = 0
        for i in range(256):
            j = (j + box[i] + key[i % len(key)]) & 255
            box[i], box[j] = box[j], box[i]
        self._box = box
        self._i = self._j = 0

    def update(self, data: bytes) -> bytes:
        """Encrypt or decrypt: the same for this cipher."""
        box, i, j = self._box, self._i, self._j
        stream = bytearray(len(data))
        for at in range(len(data)):
            i = (i + 1) & 255
            x = box[i]
            j = (j + x) & 255
            y = box[j]
            box[i] = y
            box[j] = x
            stream[at] = box[(x + y) & 255]
        self._i, self._j = i, j
        # One wide XOR is several times faster than one for each byte.
        mixed = int.from_bytes(data, "big") ^ int.from_bytes(stream, "big")
        return mixed.to_bytes(len(data), "big")
