"""Errors of building and publishing environments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from yarnhub.base.errors import YarnhubError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from yarnhub.environments.progress import Step


class BuildError(YarnhubError):
    """An environment could not be built.

    Attributes:
        step: The step that failed.
        said: The last lines of the program that failed; empty if none did.
    """

    def __init__(self, step: Step, message: str, said: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.step = step
        self.said = tuple(said)


class DiskFullError(BuildError):
    """The disk, or the user's quota on it, has no space left."""


class StoreError(YarnhubError):
    """An environment cannot be published, shared, changed or deleted."""


class EnvironmentNotFoundError(StoreError):
    """An environment does not exist, or is not shared with the user."""


class EnvironmentInUseError(StoreError):
    """An environment is used by applications, or shared: it is deleted only with `force`."""


class EnvironmentLimitError(StoreError):
    """The site allows a user no more environments, or bytes."""


class BuildRunningError(YarnhubError):
    """A build of an environment has not ended: there is one at a time.

    Attributes:
        name: The environment's name.
        application_id: The build's application.
    """

    def __init__(self, name: str, application_id: str) -> None:
        super().__init__(
            f"a build of {name} is running ({application_id}): follow it with `yarnhub env logs "
            f"{name} --follow`, or end it with `yarnhub env cancel {name}`"
        )
        self.name = name
        self.application_id = application_id


def error_text(error: YarnhubError) -> str:
    """The message for the user, with the step that failed."""
    step = f" in the step {error.step.value}" if isinstance(error, BuildError) else ""
    return f"Error{step}: {error}"
