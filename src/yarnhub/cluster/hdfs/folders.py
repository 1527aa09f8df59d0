"""Makes the folders that a new HDFS needs, in one process without a JVM.

Run it as `python -m yarnhub.cluster.hdfs.folders CONF_DIR` with a JSON list of folders on standard
input. It is a separate process because libkerberos reads its configuration from the environment.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclasses.dataclass(frozen=True, slots=True)
class Folder:
    """One folder in HDFS."""

    path: str
    mode: int
    owner: str


def encode_folders(folders: Sequence[Folder]) -> bytes:
    """The standard input of this module run as a program."""
    return json.dumps([dataclasses.asdict(folder) for folder in folders]).encode()


def make_folders(conf: str, folders: Sequence[Folder]) -> None:
    """Make each folder, parents first, and set its owner and mode.

    Not with hdfs-native's AsyncClient: a process that drops one may hang.
    """
    from hdfs_native import Client

    client = Client(config_dir=conf)
    for folder in folders:
        client.mkdirs(folder.path)
        client.set_owner(folder.path, owner=folder.owner, group=folder.owner)
        client.set_permission(folder.path, folder.mode)


if __name__ == "__main__":
    make_folders(sys.argv[1], [Folder(**item) for item in json.load(sys.stdin)])
