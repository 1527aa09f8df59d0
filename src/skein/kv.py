"""An application's key-value store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from typing import TYPE_CHECKING, TypeVar, overload

if TYPE_CHECKING:
    from skein.application_client import ApplicationClient

D = TypeVar("D")


class KeyValueStore(MutableMapping[str, bytes]):
    """Keys and their values, in the order of the keys; shared by all of an application.

    Made by `ApplicationClient.kv`. Every method asks the application, so every one may raise
    `skein.ConnectionError`.
    """

    def __init__(self, client: ApplicationClient) -> None:
        self._client = client

    def __repr__(self) -> str:
        return f"KeyValueStore<{self._client.id}>"

    def __getitem__(self, key: str) -> bytes:
        entry = self._client.call(self._client.engine.get, _text(key))
        if entry is None:
            raise KeyError(key)
        return entry.value

    def __setitem__(self, key: str, value: bytes) -> None:
        self.put(key, value)

    def __delitem__(self, key: str) -> None:
        if not self.discard(key):
            raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        return iter(self.list_keys())

    def __len__(self) -> int:
        return len(self.list_keys())

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self.exists(key)

    @overload
    def pop(self, key: str) -> bytes: ...
    @overload
    def pop(self, key: str, default: bytes) -> bytes: ...
    @overload
    def pop(self, key: str, default: D) -> bytes | D: ...
    def pop(self, key: str, default: object = None) -> object:
        """Delete a key and return its value; `default`, and no error, if it is not set."""
        value = self.get(key)
        return value if value is not None and self.discard(key) else default

    def clear(self) -> None:
        """Delete all keys at once."""
        self._client.call(self._client.engine.delete_range, None, None, None)

    def exists(self, key: str) -> bool:
        """Whether a key is set."""
        return self._client.call(self._client.engine.get, _text(key)) is not None

    def list_keys(
        self, start: str | None = None, end: str | None = None, prefix: str | None = None
    ) -> list[str]:
        """The keys from `start` up to but without `end`, or those that begin with `prefix`."""
        return list(self._client.call(self._client.engine.list_keys, start, end, prefix))

    def put(self, key: str, value: bytes, owner: str | None = None) -> None:
        """Set a key.

        Args:
            key: Which.
            value: To what.
            owner: A container, such as `worker_3`, at whose end the key is deleted.

        Raises:
            TypeError: The value is not bytes.
            ValueError: There is no such container, or it has ended.
        """
        if not isinstance(value, bytes):
            raise TypeError(f"value must be bytes, not {type(value).__name__}")
        self._client.call(self._client.engine.put, _text(key), value, owner)

    def discard(self, key: str) -> bool:
        """Delete a key; says whether it was set."""
        return self._client.call(self._client.engine.delete, _text(key))

    def wait(self, key: str) -> bytes:
        """The value of a key, as soon as it is set: as long as the application runs.

        Raises:
            ConnectionError: The application has ended.
        """
        return self._client.call(self._client.engine.wait, _text(key)).value

    def to_dict(self) -> Mapping[str, bytes]:
        """All keys and values, read at once."""
        entries = self._client.call(self._client.engine.get_range, None, None, None)
        return {entry.key: entry.value for entry in entries}


def _text(key: object) -> str:
    if not isinstance(key, str):
        raise TypeError(f"key must be a str, not {type(key).__name__}")
    return key
