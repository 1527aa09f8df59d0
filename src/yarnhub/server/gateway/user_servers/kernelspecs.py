"""The service's kernelspecs for users' own servers: what these need to show and check them.

The service starts kernels from its own copy. So a user's server gets neither variables nor the
prologue nor files, which may have secrets.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_client.kernelspec import KernelSpec

from yarnhub.base.errors import SpecError
from yarnhub.base.files import read_regular
from yarnhub.base.single_flight import SingleFlight
from yarnhub.integrations.kernels.container_kernel import is_for_containers
from yarnhub.kernels.kernelspec import read
from yarnhub.kernels.service_protocol import KernelNotFoundError
from yarnhub.server.gateway.shown_kernelspecs import is_shown, shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yarnhub.server.gateway.identity import Identity
    from yarnhub.server.gateway.service import Service

_log = logging.getLogger(__name__)

_FRESH = 10.0
"""Seconds for which the kernelspecs in the service's folders are not read again."""
_MAX_FILE = 256 * 1024
_MAX_FILES = 16


@dataclass(frozen=True, slots=True)
class Offered:
    """A kernelspec.

    Attributes:
        spec: As a user's server gets it.
        files: Its logos and the like, by name.
    """

    spec: Mapping[str, Any]  # of JSON
    files: Mapping[str, bytes]


class ServerKernelspecs:
    """The kernelspecs of the service that run in containers.

    Args:
        service: All parts of the service.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._all = SingleFlight(self._read_all, fresh=_FRESH)

    async def of(self, identity: Identity) -> dict[str, Any]:
        """A user's kernelspecs: by name, the specification and digests of its files."""
        environments = await self._service.environment_kernelspecs(identity)
        specs = {name: Offered(_shown(spec), {}) for name, spec in environments.items()}
        specs |= {
            name: offered
            for name, offered in (await self._all.get()).items()
            if self._service.allows(identity, name)
        }
        return {
            name: {
                "spec": offered.spec,
                "resources": {
                    file: hashlib.sha256(data).hexdigest() for file, data in offered.files.items()
                },
            }
            for name, offered in specs.items()
        }

    async def file(self, identity: Identity, name: str, file: str) -> bytes:
        """A file of a kernelspec.

        Raises:
            KernelNotFoundError: There is none, or the user cannot use the kernelspec.
        """
        allowed = self._service.allows(identity, name)
        offered = (await self._all.get()).get(name) if allowed else None
        if offered is None or file not in offered.files:
            raise KernelNotFoundError("There is no such file of a kernelspec")
        return offered.files[file]

    async def _read_all(self) -> dict[str, Offered]:
        found = await asyncio.to_thread(self._service.specs.get_all_specs)
        return await asyncio.to_thread(_offered, found)


def _offered(found: Mapping[str, Any]) -> dict[str, Offered]:
    offered = {}
    for name, each in found.items():
        spec = KernelSpec(**each["spec"])
        if not is_for_containers(spec):
            continue
        try:
            seen = _shown(spec)
        except SpecError as error:
            _log.warning("the kernelspec %s is not valid and is not offered: %s", name, error)
            continue
        offered[name] = Offered(seen, _files(Path(each["resource_dir"])))
    return offered


def _shown(spec: Any) -> dict[str, Any]:
    config = spec.metadata["kernel_provisioner"].get("config") or {}
    # The service maps the notebook's folder.
    return shown(spec, shared_folders={folder: folder for folder in read(config).shared_folders})


def _files(folder: Path) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    try:
        names = sorted(path.name for path in folder.iterdir() if is_shown(path.name))
    except OSError:
        return files
    for name in names[:_MAX_FILES]:
        try:
            files[name] = read_regular(folder / name, _MAX_FILE)
        except (OSError, ValueError) as error:
            _log.debug("%s/%s is not offered: %s", folder, name, error)
    return files
