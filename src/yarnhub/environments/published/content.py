"""What is published as a version: an archive on this machine, and its description. No I/O."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from yarnhub.environments.published.manifest import (
    CONDA_LOCK,
    LOCK,
    SPECIFICATION,
    EnvironmentRecord,
    Origin,
    VersionManifest,
    archive_name,
)
from yarnhub.environments.published.packages import locked_versions
from yarnhub.environments.specification import Access

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from yarnhub.environments.local_build.environment import BuiltEnvironment
    from yarnhub.environments.published.foreign_archive import ForeignArchive
    from yarnhub.environments.specification import EnvironmentSpec
    from yarnhub.spec import Resources


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """A version to publish.

    Attributes:
        name: The name of the environment.
        manifest: The description.
        archive: The archive.
        documents: Further files by their names.
        access: Who can use the environment, if it is created.
    """

    name: str
    manifest: VersionManifest
    archive: Path
    documents: Mapping[str, bytes] = field(default_factory=dict)
    access: Access = field(default=Access())

    @property
    def language(self) -> str:
        """The language of a kernel that uses it."""
        return self.manifest.language

    @property
    def kernel(self) -> Resources | None:
        """The resources of a kernel that uses it."""
        return self.manifest.kernel


def built_content(
    specification: EnvironmentSpec,
    built: BuiltEnvironment,
    archive: Path,
    application: str = "",
) -> Content:
    """A version that was built.

    Args:
        specification: What was built.
        built: The result.
        archive: Its archive.
        application: The id of the application that has built it; empty for none.

    Raises:
        SpecError: The lock or the result of the build is not supported.
    """
    manifest = VersionManifest(
        key=built.key,
        archive=archive_name(specification.name, built.key),
        sha256=built.sha256,
        size=built.size,
        files=built.files,
        python=built.python,
        platform=built.platform,
        glibc=built.glibc,
        packages=locked_versions(built.lock, built.python, built.platform, built.conda_lock),
        language=specification.language,
        kernel=specification.kernel,
        problems=[str(each) for each in built.problems],
        application=application,
    )
    document = json.dumps(specification.to_dict(), indent=1)
    documents = {SPECIFICATION: document.encode(), LOCK: built.lock.encode()}
    if built.conda_lock:
        documents[CONDA_LOCK] = built.conda_lock.encode()
    return Content(
        name=specification.name,
        manifest=manifest,
        archive=archive,
        documents=documents,
        access=specification.access,
    )


def imported_content(name: str, archive: Path, found: ForeignArchive) -> Content:
    """A version that another tool has packed.

    Raises:
        SpecError: The name is not allowed.
    """
    record = EnvironmentRecord(name=name)
    manifest = VersionManifest(
        key=found.sha256,
        archive=archive_name(record.name, found.sha256),
        sha256=found.sha256,
        size=found.size,
        files=found.files,
        origin=Origin.IMPORT,
        python=found.python,
        packages=found.packages,
        problems=found.problems,
    )
    return Content(name=record.name, manifest=manifest, archive=archive)
