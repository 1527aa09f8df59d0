"""The kernel service's kernelspecs, next to the local ones.

They are kept in a folder that Jupyter searches last, so a local kernelspec with the same name is
used instead. The folder is updated when kernelspecs are listed; while the service does not respond
it stays as it was, also across restarts of the server.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import logging
import os
import re
import shutil
from pathlib import Path
from typing import Any

from jupyter_client.kernelspec import KernelSpecManager
from tornado.ioloop import IOLoop
from traitlets import Any as AnyTrait
from traitlets import Unicode, default

from yarnhub.base.background import BackgroundTasks
from yarnhub.base.deadline import Deadline
from yarnhub.base.errors import RemoteProtocolError, YarnhubError
from yarnhub.base.files import read_regular, write_private
from yarnhub.integrations.kernels.gateway_client import GatewayClient
from yarnhub.integrations.kernels.gateway_settings import (
    GatewaySettings,
    settings_from_environment,
)
from yarnhub.kernels.kernelspec import PROVISIONER

_log = logging.getLogger(__name__)

_FRESH = 5.0
"""Seconds for which the service is not asked again: a page that is opened lists kernelspecs a few
times. JupyterLab then lists them each minute."""
_WAIT = 5.0
"""Seconds that a list waits for the service."""
_UPDATE = 120.0
"""Seconds for all that has changed to be read."""
_NAME = re.compile(r"[a-z0-9_][a-z0-9_.-]{0,99}")
"""Jupyter's rule for names, in lower case, without names that are hidden or mean another folder."""
_FILE = re.compile(r"(?!kernel\.json$)[A-Za-z0-9_][\w.-]{0,99}", re.ASCII)
_SPEC = "kernel.json"
_MAX_SPECS = 200
_MAX_FILES = 16
_MAX_FILE = 1 << 20


class GatewayKernelSpecManager(KernelSpecManager):
    """Local kernelspecs, and those of the kernel service."""

    settings = AnyTrait(
        help="""Where the service is, `GatewaySettings`; by default, as the environment says."""
    )

    service_folder = Unicode(
        config=True,
        help="""The directory in which the kernelspecs of the service are kept; only its owner can
        read it. By default, it is in Jupyter's data directory, one for each service.
        """,
    )

    @default("settings")
    def _default_settings(self) -> GatewaySettings:
        return settings_from_environment(os.environ)  # noqa: TID251  # an entry point

    @default("service_folder")
    def _default_service_folder(self) -> str:
        name = hashlib.sha256(self.settings.root.encode()).hexdigest()[:16]
        return str(Path(self.data_dir) / "yarnhub-kernelspecs" / name)

    def _kernel_dirs_default(self) -> list[str]:
        return [*super()._kernel_dirs_default(), self.service_folder]

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._folder = ServiceKernelspecs(self.settings, Path(self.service_folder))
        IOLoop.current().add_callback(self._folder.refresh)

    def find_kernel_specs(self) -> dict[str, str]:
        """The directories of all kernelspecs by name; does not wait for the service."""
        self._folder.refresh()
        found: dict[str, str] = super().find_kernel_specs()
        return found

    async def get_all_specs(self) -> dict[str, Any]:
        """All kernelspecs, by name; waits a moment for the service."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_WAIT):
                await self._folder.refreshed()
        found: dict[str, Any] = super().get_all_specs()
        return found


class ServiceKernelspecs:
    """The folder with the kernelspecs of the service.

    Args:
        settings: Where the service is.
        folder: Created when the service has responded.
        fresh: Seconds for which the service is not asked again.
    """

    def __init__(self, settings: GatewaySettings, folder: Path, fresh: float | None = None) -> None:
        self._settings = settings
        self._folder = folder
        self._fresh = _FRESH if fresh is None else fresh
        self._tag = ""
        self._asked = -self._fresh
        self._tasks = BackgroundTasks()
        self._run: asyncio.Task[None] | None = None
        self._failed = False

    def refresh(self) -> None:
        """Ask the service in the background, if that was some time ago."""
        try:
            now = asyncio.get_running_loop().time()
        except RuntimeError:
            return  # a command that lists kernelspecs
        if (self._run is None or self._run.done()) and now - self._asked >= self._fresh:
            self._asked = now
            self._run = self._tasks.start(self._ask(), name="kernelspecs of the service")

    async def refreshed(self) -> None:
        """Wait until the service has been asked."""
        self.refresh()
        if self._run is not None:
            await asyncio.wait([self._run])

    async def _ask(self) -> None:
        try:
            async with (
                Deadline(_UPDATE, f"it does not send all of them within {_UPDATE:g} s"),
                GatewayClient(self._settings) as client,
            ):
                body, tag = await client.kernelspecs(self._tag)
                if body is not None:
                    await self._update(client, _read(body))
                    self._tag = tag
        except (YarnhubError, OSError) as error:
            # Once: it is asked again and again.
            level = logging.DEBUG if self._failed else logging.WARNING
            _log.log(level, "the kernelspecs of the kernel service are not known: %s", error)
            self._failed = True
        else:
            self._failed = False

    async def _update(self, client: GatewayClient, found: dict[str, dict[str, Any]]) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, offered in found.items():
            folder = self._folder / name
            folder.mkdir(mode=0o700, exist_ok=True)
            for file, digest in offered["resources"].items():
                if await asyncio.to_thread(_digest, folder / file) != digest:
                    content = await client.resource(name, file)
                    await asyncio.to_thread(write_private, folder / file, content)
            spec = json.dumps(offered["spec"]).encode()
            await asyncio.to_thread(write_private, folder / _SPEC, spec)
            kept = {*offered["resources"], _SPEC}
            await asyncio.to_thread(_remove_all_but, folder, kept)
        await asyncio.to_thread(_remove_all_but, self._folder, set(found))


def _read(body: bytes) -> dict[str, dict[str, Any]]:
    """The kernelspecs in an answer; those that are not valid are left out.

    Raises:
        RemoteProtocolError: It is not an answer of a kernel service.
    """
    try:
        found = json.loads(body)["kernelspecs"]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise RemoteProtocolError("the service returns no kernelspecs") from error
    if not isinstance(found, dict):
        raise RemoteProtocolError("the service returns no kernelspecs")
    valid = {name: each for name, each in found.items() if _NAME.fullmatch(name)}
    known = {name: read for name, each in valid.items() if (read := _offered(each)) is not None}
    if len(known) < len(found):
        _log.warning("%d kernelspecs of the service are not valid", len(found) - len(known))
    return dict(list(known.items())[:_MAX_SPECS])


def _offered(plain: Any) -> dict[str, Any] | None:
    """One kernelspec; None if it is not valid, or would run on this host."""
    try:
        spec, resources = plain["spec"], plain.get("resources") or {}
        provisioner = spec["metadata"]["kernel_provisioner"]["provisioner_name"]
        texts = [*spec["argv"], spec["display_name"], *resources.values()]
        names = list(resources)[:_MAX_FILES]
    except (TypeError, KeyError, AttributeError):
        return None
    if provisioner != PROVISIONER or not all(isinstance(each, str) for each in texts):
        return None
    return {
        "spec": spec,
        "resources": {name: resources[name] for name in names if _FILE.fullmatch(name)},
    }


def _digest(file: Path) -> str:
    try:
        return hashlib.sha256(read_regular(file, _MAX_FILE)).hexdigest()
    except OSError:
        return ""


def _remove_all_but(folder: Path, names: set[str]) -> None:
    for path in folder.iterdir():
        if path.name in names:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
