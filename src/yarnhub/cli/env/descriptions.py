"""Published environments as text and as JSON."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from yarnhub.base.foreign_text import clean_and_cut

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from yarnhub.environments.published.environment import (
        DamagedEnvironment,
        PublishedEnvironment,
        PublishedVersion,
    )

_MEBIBYTE = 1 << 20


def name_of(environment: PublishedEnvironment, user: str) -> str:
    """The name by which a user addresses it."""
    if environment.owner == user:
        return environment.name
    return f"{environment.owner}/{environment.name}"


def readers(environment: PublishedEnvironment) -> str:
    """Who else can use it."""
    access = environment.access
    if environment.is_public or (access is not None and access.everyone):
        return "everyone"
    if access is None:
        return "you and others"
    groups = (f"group {each}" for each in access.groups)
    return ", ".join([*access.users, *groups]) or "nobody"


def time_of(version: PublishedVersion) -> str:
    """When it was published, to the minute."""
    when = datetime.fromtimestamp(version.modification_time / 1000, UTC)
    return when.strftime("%Y-%m-%d %H:%M")


def size_of(size: int) -> str:
    """Bytes in a readable unit."""
    return f"{size / _MEBIBYTE:.0f} MiB" if size >= _MEBIBYTE else f"{size / 1024:.0f} KiB"


def table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Lines with aligned columns."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        yield "  ".join(cells).rstrip()


def text(environment: PublishedEnvironment, version: PublishedVersion) -> Iterator[str]:
    """The lines of `show`."""
    manifest = version.manifest
    is_current = version.number == environment.current.number
    others = [str(each.number) for each in environment.versions if each.number != version.number]
    yield f"Name: {environment.name}"
    yield f"Owner: {environment.owner}"
    yield f"Shared with: {readers(environment)}"
    yield (
        f"Version: {version.number}{' (current)' if is_current else ''}"
        f"{'; others: ' + ', '.join(others) if others else ''}"
    )
    yield f"Published: {time_of(version)} UTC"
    yield f"Archive: {version.url} ({size_of(version.size)}, {manifest.files} files)"
    yield f"Key: {manifest.key}"
    platform = f", for {manifest.platform}" if manifest.platform else ""
    glibc = f" with glibc {manifest.glibc} or newer" if manifest.glibc else ""
    yield f"Python: {manifest.python or 'unknown'}{platform}{glibc}"
    yield "Kernel: " + (
        f"yes, with {manifest.kernel_package}"
        if manifest.has_kernel
        else f"no, because the environment has no {manifest.kernel_package}"
    )
    yield f"Packages: {len(manifest.packages)}"
    for name, found in sorted(manifest.packages.items()):
        yield f"  {name} {found}"


def warnings(environment: PublishedEnvironment, version: PublishedVersion) -> Iterator[str]:
    """What the user should know."""
    for each in (*version.manifest.problems, *environment.problems):
        yield f"Warning: {clean_and_cut(each, lines=False)}"


def document(environment: PublishedEnvironment) -> dict[str, object]:
    """An environment as JSON."""
    access = environment.access
    return {
        "name": environment.name,
        "owner": environment.owner,
        "id": environment.id,
        "folder": environment.folder,
        "current": environment.current.number,
        "public": environment.is_public,
        "access": None
        if access is None
        else {
            "users": list(access.users),
            "groups": list(access.groups),
            "everyone": access.everyone,
        },
        "versions": [_version(each) for each in environment.versions],
        "problems": list(environment.problems),
    }


def damage(found: DamagedEnvironment) -> dict[str, object]:
    """A folder that cannot be used, as JSON."""
    return {"folder": found.url, "owner": found.owner, "problems": [found.problem]}


def unread(owner: str, count: int) -> dict[str, object]:
    """Folders of an owner that were not read, as JSON."""
    return {"owner": owner, "unread": count}


def _version(version: PublishedVersion) -> dict[str, object]:
    manifest = version.manifest
    return {
        "number": version.number,
        "url": version.url,
        "published": datetime.fromtimestamp(version.modification_time / 1000, UTC).isoformat(),
        "timestamp": version.modification_time,
        "kernel": manifest.has_kernel,
        "language": manifest.language,
        **{
            key: value
            for key, value in manifest.to_dict().items()
            if key not in ("schema", "kernel", "archive")
        },
    }
