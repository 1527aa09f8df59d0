"""What all steps of one build work with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from yarnhub.environments.local_build.process import Runner
from yarnhub.environments.progress import Progress, Say, Step

if TYPE_CHECKING:
    from pathlib import Path

    from yarnhub.environments.local_build.builder import Builder
    from yarnhub.environments.local_build.programs import Programs
    from yarnhub.environments.local_build.site import BuildSite


@dataclass(slots=True)
class Workbench:
    """The means of one build.

    Attributes:
        site: The site's configuration.
        builder: What builds, apart from the site.
        folder: A folder of this build alone, on the disk of the archive.
        cache: The folder of what other builds can use again.
        say: Is called with the progress.
        step: The step that has started.
    """

    site: BuildSite
    builder: Builder
    folder: Path
    cache: Path
    say: Say
    step: Step = Step.INTERPRETER

    @property
    def programs(self) -> Programs:
        """The programs of builds."""
        return self.builder.programs

    def start(self, step: Step) -> Runner:
        """Start a step; returns what runs programs for it."""
        self.step = step
        self.say(Progress(step))
        variables = self.site.variables(self.folder, self.cache)
        return Runner(step, self.folder, variables, self.site.step_timeout)
