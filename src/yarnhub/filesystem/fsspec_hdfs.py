"""HDFS for fsspec by hdfs-native, with pyarrow's conventions, such as `host="default"`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import hdfs_native
from fsspec import AbstractFileSystem
from fsspec.utils import infer_storage_options
from hdfs_native import fsspec as native

from yarnhub.filesystem.hdfs import native_user_name
from yarnhub.hadoop.conf import Configuration
from yarnhub.hadoop.security.authentication import KEY, is_secure

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

_DEFAULT = (None, "", "default")
"""Hosts that mean the file system of `fs.defaultFS`."""
_DEFAULT_PORT = 8020
"""The port of a NameNode that is named without one, as everywhere in Hadoop."""


class _Conventional(native.BaseFileSystem):
    """The common part of both protocols.

    Args:
        host: A NameNode or a nameservice, or its URL; `default` for the cluster's own.
        port: The NameNode's port; 0 or None for the default.
        user: The user; must be the one as which this process acts in HDFS.
        kerb_ticket: The ticket cache, if it is not the default.
        replication: Copies of files that are written; None for HDFS's default.
        extra_conf: Hadoop properties that override the configuration.
        storage_options: Further properties, and fsspec's common options.
    """

    protocol: str

    def __init__(
        self,
        host: str | None = None,
        port: int | None = None,
        user: str | None = None,
        kerb_ticket: str | Path | None = None,
        replication: int | None = None,
        extra_conf: Mapping[str, object] | None = None,
        **storage_options: Any,
    ) -> None:
        AbstractFileSystem.__init__(self, **storage_options)
        named = {key: value for key, value in storage_options.items() if "." in key}
        properties = {key: str(value) for key, value in {**named, **(extra_conf or {})}.items()}
        if user and user != native_user_name() and not _secure(properties):
            raise ValueError(
                f"user={user!r}: this process acts as {native_user_name()!r} in HDFS; set "
                "HADOOP_USER_NAME before it starts"
            )
        self.host = None if host in _DEFAULT else host
        self.port = port or None
        self.replication = replication
        cache = None if kerb_ticket is None else str(kerb_ticket)
        self.client = self._connect(properties, cache)

    def _connect(self, properties: dict[str, str], cache: str | None) -> hdfs_native.Client:
        url = self._url()
        try:
            return hdfs_native.Client(url, properties, kerberos_cache=cache)
        except RuntimeError:
            if url is None or self.port:
                raise
            return hdfs_native.Client(f"{url}:{_DEFAULT_PORT}", properties, kerberos_cache=cache)

    def _url(self) -> str | None:
        if self.host is None:
            return None
        url = self.host if "://" in self.host else f"{self.protocol}://{self.host}"
        return f"{url.rstrip('/')}:{self.port}" if self.port else url.rstrip("/")

    def unstrip_protocol(self, name: str) -> str:
        """A path with its protocol and host."""
        return f"{self._url() or f'{self.protocol}://'}{self._strip_protocol(name)}"

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:  # of one or of many, as in fsspec
        if isinstance(path, list):
            return [cls._strip_protocol(each) for each in path]
        text = str(path)
        scheme, separator, rest = text.partition(":/")
        if separator and "/" not in scheme:
            # Of hdfs:///a, urllib makes hdfs:/a.
            text = f"/{rest[1:].partition('/')[2] if rest.startswith('/') else rest}"
        return text.rstrip("/") or cls.root_marker

    @staticmethod
    def _get_kwargs_from_urls(path: str) -> dict[str, Any]:
        found = infer_storage_options(path)
        named = {"host": found.get("host"), "port": found.get("port")}
        return {**named, **({"user": found["username"]} if found.get("username") else {})}

    def _open(self, path: str, mode: str = "rb", **options: Any) -> Any:  # type: ignore[override]  # passes all on
        return super()._open(path, mode, **{"replication": self.replication, **options})


def _secure(properties: Mapping[str, str]) -> bool:
    folder = os.environ.get("HADOOP_CONF_DIR")  # noqa: TID251  # as hdfs-native reads it
    found = Configuration.load(Path(folder)) if folder else Configuration({})
    return is_secure({KEY: properties.get(KEY) or found.get(KEY) or "simple"})


class FsspecHdfs(_Conventional):
    """`hdfs://`."""

    protocol = "hdfs"


class FsspecViewfs(_Conventional):
    """`viewfs://`."""

    protocol = "viewfs"
