"""The choices that a spawner offers its user: profiles, queues, and the form for them."""

from __future__ import annotations

import contextlib
from inspect import isawaitable
from typing import TYPE_CHECKING, NoReturn

from traitlets import TraitError

from yarnhub.base.errors import YarnhubError
from yarnhub.integrations.jupyterhub.options_form import (
    options_from_form,
    queue_label,
    render_form,
)
from yarnhub.integrations.jupyterhub.refusals import LinkError, Refusal, refusal
from yarnhub.sessions.choice import Choice, ChoiceError, choose
from yarnhub.sessions.profiles import ProfileError, parse_profiles
from yarnhub.sessions.queues import queue_choices, with_queues
from yarnhub.sessions.request import why_unsafe_script

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from jupyterhub.spawner import Spawner

    from yarnhub.client.queues import ClusterQueues
    from yarnhub.integrations.jupyterhub.traits import SpawnerTraits
    from yarnhub.sessions.profiles import Profile

OVERRIDABLE = frozenset(
    {
        *("queue", "mem_limit", "cpu_limit", "resource_types", "node_label", "priority"),
        *("localize_files", "prologue", "epilogue", "cmd", "args", "script_template"),
        *("environment", "default_url", "notebook_dir", "application_tags", "grace_period"),
        *("application_master", "debug", "disable_user_config"),
        *("server_environment", "spark", "spark_root", "spark_settings"),
    }
)
"""The settings that a profile can override."""


class Offer:
    """The choices that one spawner offers; its user gets nothing else.

    Args:
        spawner: The spawner with the administrator's settings.
        queues: Returns the cluster's queues.
    """

    def __init__(self, spawner: SpawnerTraits, queues: Callable[[], ClusterQueues]) -> None:
        self._spawner = spawner
        self._cluster_queues = queues
        self._linked: tuple[object, Mapping[str, object]] = (None, {})
        """The choice in a link, and the request that contained it."""

    @property
    def exists(self) -> bool:
        """Whether the user has a choice."""
        return bool(self._spawner.profile_list) or self._spawner.choose_queue

    async def form(self, _spawner: Spawner) -> str:
        """The HTML of the form; JupyterHub calls it with the spawner."""
        # A link only applies to the page that it opens, not to other pages of the same user.
        handler, options = self._linked
        linked = handler is not None and handler is self._spawner.handler
        chosen = options if linked else self._spawner.user_options
        self._linked = (None, {})
        with _refusing():
            return render_form(await self._offered(), chosen, linked=linked)

    async def from_query(self, query: Mapping[str, list[object]]) -> NoReturn:
        """Prefill the form from a link, and start nothing: anyone may have written the link.

        Raises:
            SpawnException: The choice is not offered.
            LinkError: It is offered; JupyterHub then shows the form.
        """
        if self.exists:
            with _refusing():
                linked = options_from_form(query)
                choose(await self._offered(), linked)
            self._linked = (self._spawner.handler, linked)
        raise LinkError

    async def from_form(self, form: Mapping[str, list[object]]) -> Mapping[str, object]:
        """The options that were chosen in a form.

        Raises:
            SpawnException: They are not offered.
        """
        if not self.exists:
            return form  # as JupyterHub itself does
        with _refusing():
            return dict(choose(await self._offered(), options_from_form(form)).user_options)

    async def chosen(self) -> Choice:
        """The user's choice, checked against what is currently offered.

        Raises:
            SpawnException: It is not offered.
        """
        if not self.exists:
            return Choice()  # the options come from the administrator's own form
        with _refusing():
            return choose(await self._offered(), self._spawner.user_options)

    async def _offered(self) -> tuple[Profile, ...]:
        user = self._spawner.cluster_user_name()
        profile_list = self._spawner.profile_list
        if callable(profile_list):
            profile_list = profile_list(self._spawner)
            if isawaitable(profile_list):
                profile_list = await profile_list
        profiles = parse_profiles(
            profile_list, allowed=OVERRIDABLE, setting="c.YarnSpawner.profile_list"
        )
        if not self._spawner.choose_queue:
            return with_queues(profiles, (), queue_label)
        queues = await queue_choices(self._cluster_queues(), user, self._spawner.queue)
        return with_queues(profiles, queues, queue_label)

    @contextlib.contextmanager
    def overridden(self, choice: Choice) -> Iterator[None]:
        """Set the values of a choice until the end of the block, which must not await.

        Raises:
            SpawnException: A trait does not accept its value.
        """
        with _refusing():
            values = choice.over(self._spawner)
            before = {name: getattr(self._spawner, name) for name in values}
        try:
            with _refusing():
                for name, value in values.items():
                    try:
                        setattr(self._spawner, name, value)
                    except TraitError as error:
                        raise ProfileError(
                            f"profile {choice.display_name!r} sets {name} to {value!r}: {error}"
                        ) from error
                if reason := why_unsafe_script(self._spawner.script_template, choice.written):
                    raise ProfileError(f"script_template: {reason}: users set a part of it")
            yield
        finally:
            for name, value in before.items():
                setattr(self._spawner, name, value)


@contextlib.contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except ChoiceError as error:
        raise Refusal(str(error), reason="options") from error
    except ProfileError as error:
        raise Refusal(
            f"The configured profiles are invalid: {error}. Contact your administrator.",
            reason="profiles",
            status_code=500,
        ) from error
    except YarnhubError as error:
        raise refusal(error) from error
