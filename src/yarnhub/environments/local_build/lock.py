"""The lock of an environment: every package with its version and the hashes of its files."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from yarnhub.base.errors import SpecError
from yarnhub.environments.errors import BuildError
from yarnhub.environments.local_build.provided_packages import write_wheels
from yarnhub.environments.local_build.python.bare import bare_python
from yarnhub.environments.progress import Step
from yarnhub.environments.requirements import read_lock

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from yarnhub.environments.local_build.process import Runner
    from yarnhub.environments.local_build.programs import Programs
    from yarnhub.environments.local_build.provided_packages import ProvidedPackage
    from yarnhub.environments.local_build.workbench import Workbench
    from yarnhub.environments.requirements import LockedPackage

_EXPORT = (
    *("export", "--frozen", "--quiet", "--no-dev", "--no-emit-workspace", "--no-header"),
    *("--no-annotate", "--no-config", "--format", "requirements.txt"),
)


async def resolve(
    requirements: Sequence[str],
    python: Path,
    provided: Sequence[ProvidedPackage],
    bench: Workbench,
    runner: Runner,
) -> tuple[LockedPackage, ...]:
    """Resolve requirements by uv, without building any package.

    Cancelling leaves files in the folder of the build.

    Args:
        requirements: The requirements.
        python: The interpreter that the packages are for.
        provided: What is installed for this interpreter; it keeps its versions, and is not in the
            result.
        bench: The means of the build.
        runner: Runs uv in a folder of this build.

    Raises:
        BuildError: The requirements have no solution, in the words of uv, or there is no index.
    """
    bare = await asyncio.to_thread(bare_python, python, runner.folder)
    source, target = runner.folder / "requirements.in", runner.folder / "requirements.txt"
    await asyncio.to_thread(source.write_text, "".join(f"{each}\n" for each in requirements))
    around: list[str | Path] = []
    if provided:
        wheels, constraints = runner.folder / "provided", runner.folder / "provided.txt"
        await asyncio.to_thread(wheels.mkdir)
        await asyncio.to_thread(write_wheels, provided, wheels)
        await asyncio.to_thread(constraints.write_text, "".join(f"{each}\n" for each in provided))
        around = ["--find-links", wheels, "--constraints", constraints]
    await runner.run(
        [
            *(bench.programs.uv, "pip", "compile", "--quiet", "--generate-hashes", "--no-build"),
            *("--no-header", "--no-annotate", "--no-sources"),
            *bench.site.index_options,
            *around,
            *("--python", bare, "--output-file", target.name, source.name),
        ]
    )
    text = await asyncio.to_thread(target.read_text, "utf-8")
    try:
        packages = read_lock(text)
    except SpecError as error:
        raise BuildError(Step.LOCK, f"uv has written a lock that is not supported: {error}") from (
            error
        )
    installed = {each.name for each in provided}
    return tuple(each for each in packages if each.name not in installed)


async def export_uv_lock(project: Path, programs: Programs, runner: Runner) -> str:
    """The lock of a project with a `uv.lock`, for all platforms, without the project itself.

    Cancelling leaves a file in the runner's folder.

    Args:
        project: The folder with `pyproject.toml` and `uv.lock`.
        programs: The programs of builds.
        runner: Runs uv in a folder of this build.

    Raises:
        BuildError: It is not readable, in the words of uv.
    """
    target = runner.folder / "exported.txt"
    await runner.run([programs.uv, *_EXPORT, "--project", project, "--output-file", target])
    return await asyncio.to_thread(target.read_text, "utf-8")
