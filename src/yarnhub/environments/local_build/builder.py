"""What builds environments, apart from the site: programs, and perhaps a copy of an interpreter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from yarnhub.environments.local_build.programs import Programs
    from yarnhub.environments.local_build.python.interpreter import InterpreterTree


@dataclass(frozen=True, slots=True)
class Builder:
    """What builds.

    Attributes:
        programs: The programs of builds.
        tree: A copy of an interpreter, which environments with its version get without copying one
            again; None for none.
    """

    programs: Programs
    tree: InterpreterTree | None = None
