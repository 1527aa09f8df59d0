"""The part of the spawner that lets users choose: profiles, queues, and the form for them."""

from __future__ import annotations

import contextlib
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from traitlets import Bool, Dict, List, TraitError, Union, default
from traitlets import Callable as CallableTrait

from yarnhub.base.errors import YarnhubError
from yarnhub.client.queues import ClusterQueues
from yarnhub.integrations.jupyterhub.acting import Acting
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
    from collections.abc import Awaitable, Callable, Iterator, Mapping

    from jupyterhub.spawner import Spawner

    from yarnhub.sessions.profiles import Profile

OVERRIDABLE = frozenset(
    {
        *("queue", "mem_limit", "cpu_limit", "resource_types", "node_label", "priority"),
        *("localize_files", "prologue", "epilogue", "cmd", "args", "script_template"),
        *("environment", "default_url", "notebook_dir", "application_tags", "grace_period"),
        *("application_master", "debug", "disable_user_config"),
    }
)
"""What a profile may set."""


class Choosing(Acting):
    """A spawner whose users choose what the administrator offers, and get nothing else.

    It stands before JupyterHub's own class, for which this gives other defaults.
    """

    profile_list: Any = Union(  # Any: of this traitlets knows no type
        [List(), Dict(), CallableTrait()],
        help="""The profiles that users can choose from: a list, or a function that is called
        with the spawner and returns a list; can be async. The format is KubeSpawner's, with
        `yarn_override` instead of `kubespawner_override`. If empty, there is no choice.""",
    ).tag(config=True)
    choose_queue = Bool(
        False,  # noqa: FBT003  # traitlets' own
        help="""Whether users can choose one of the queues that they may submit to, in profiles
        that do not set a queue.""",
    ).tag(config=True)

    _linked: tuple[object, Mapping[str, object]] = (None, {})
    """What a link has said, and the request that it came with."""
    _queues: ClassVar[dict[tuple[object, ...], ClusterQueues]] = {}
    """By who asks: one for all spawners of a hub."""

    user_options: dict[str, object]
    queue: str
    script_template: str
    handler: object  # of the request that is answered

    @default("profile_list")
    def _no_profiles(self) -> list[object]:
        return []

    @default("options_form")
    def _default_options_form(self) -> str | Callable[..., Awaitable[str]]:
        return self._form if self._offers else ""

    @default("options_from_form")
    def _default_options_from_form(self) -> Callable[..., object]:
        return self._from_form

    @default("apply_user_options")
    def _default_apply_user_options(self) -> Callable[..., None] | None:
        return _apply_at_start if self._offers else None

    @property
    def _offers(self) -> bool:
        return bool(self.profile_list) or self.choose_queue

    async def _form(self, _spawner: Spawner) -> str:
        # A link counts for the page that it opens, and not for another one of the same user.
        handler, options = self._linked
        linked = handler is not None and handler is self.handler
        chosen = options if linked else self.user_options
        self._linked = (None, {})
        with _refusing():
            return render_form(await self._offered(), chosen, linked=linked)

    async def options_from_query(self, query: Mapping[str, list[object]]) -> NoReturn:
        """Fill the form in with what a link says, and start nothing: anybody may have written it.

        Raises:
            SpawnException: What it says is not offered.
            LinkError: It is: JupyterHub shows the form then.
        """
        if self._offers:
            with _refusing():
                linked = options_from_form(query)
                choose(await self._offered(), linked)
            self._linked = (self.handler, linked)
        raise LinkError

    async def _from_form(self, form: Mapping[str, list[object]]) -> Mapping[str, object]:
        if not self._offers:
            return form  # as JupyterHub itself does
        with _refusing():
            return dict(choose(await self._offered(), options_from_form(form)).user_options)

    async def chosen(self) -> Choice:
        """What the user has chosen, looked up anew in what is offered now.

        Raises:
            SpawnException: It is not offered.
        """
        if not self._offers:
            return Choice()  # the options are those of a form of the administrator's own
        with _refusing():
            return choose(await self._offered(), self.user_options)

    async def _offered(self) -> tuple[Profile, ...]:
        user = self.cluster_user_name()
        profile_list = self.profile_list
        if callable(profile_list):
            profile_list = profile_list(self)
            if isawaitable(profile_list):
                profile_list = await profile_list
        profiles = parse_profiles(
            profile_list, allowed=OVERRIDABLE, setting="c.YarnSpawner.profile_list"
        )
        if not self.choose_queue:
            return with_queues(profiles, (), queue_label)
        key = (self.principal, self.keytab)
        if key not in self._queues:
            self._queues[key] = ClusterQueues(self.settings())
        queues = await queue_choices(self._queues[key], user, self.queue)
        return with_queues(profiles, queues, queue_label)

    @contextlib.contextmanager
    def overridden(self, choice: Choice) -> Iterator[None]:
        """Have the values of a choice until the end of the block, in which nobody may await.

        Raises:
            SpawnException: A trait does not take its value.
        """
        with _refusing():
            values = choice.over(self)
            before = {name: getattr(self, name) for name in values}
        try:
            with _refusing():
                for name, value in values.items():
                    try:
                        setattr(self, name, value)
                    except TraitError as error:
                        raise ProfileError(
                            f"profile {choice.display_name!r} sets {name} to {value!r}: {error}"
                        ) from error
                if reason := why_unsafe_script(self.script_template, choice.written):
                    raise ProfileError(f"script_template: {reason}, for users write a part of it")
            yield
        finally:
            for name, value in before.items():
                setattr(self, name, value)


def _apply_at_start(_spawner: Spawner, _user_options: Mapping[str, object]) -> None:
    """Do nothing: a choice is looked up by each start, and never sticks to the spawner."""


@contextlib.contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except ChoiceError as error:
        raise Refusal(str(error), reason="options") from error
    except ProfileError as error:
        raise Refusal(
            f"What the administrator offers is wrong: {error}", reason="profiles", status_code=500
        ) from error
    except YarnhubError as error:
        raise refusal(error) from error
