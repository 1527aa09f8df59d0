"""A spawner that lets users choose: its values for one start, and never longer."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from jupyterhub.utils import format_exception
from traitlets.config import Config

from docs.blocks import PROJECT, blocks
from yarnhub.integrations.jupyterhub.offer import OVERRIDABLE
from yarnhub.integrations.jupyterhub.refusals import LinkError, Refusal
from yarnhub.integrations.jupyterhub.spawner import YarnSpawner
from yarnhub.sessions.choice import Choice, choose
from yarnhub.sessions.profiles import parse_profiles

if TYPE_CHECKING:
    from pathlib import Path

    from docs.blocks import Block

PAGE = PROJECT / "docs" / "howto" / "profiles.md"
EXAMPLES = [each for each in blocks(PAGE) if each.language == "python"]


def test_all_that_may_be_overridden_is_a_setting() -> None:
    assert set(YarnSpawner.class_trait_names(config=True)) >= OVERRIDABLE


def test_values_hold_until_the_end_of_the_block() -> None:
    spawner = YarnSpawner(mem_limit="1 G", environment={"A": "1", "B": "2"}, cmd=["old"])
    choice = Choice(
        layers=(
            {"mem_limit": "4 G", "cpu_limit": "3", "cmd": "new --flag"},
            {"environment": {"A": None, "C": "3"}, "resource_types": {"yarn.io/gpu": "2"}},
        )
    )
    with spawner.offer.overridden(choice):
        assert (spawner.mem_limit, spawner.cpu_limit) == (4 * 2**30, 3)
        assert spawner.environment == {"B": "2", "C": "3"}
        assert spawner.resource_types == {"yarn.io/gpu": 2}
        assert spawner.cmd == ["new --flag"]
    assert (spawner.mem_limit, spawner.cpu_limit, spawner.cmd) == (2**30, 1, ["old"])
    assert spawner.environment == {"A": "1", "B": "2"}
    assert spawner.resource_types == {}


def test_a_value_that_a_setting_does_not_take_is_named_and_leaves_nothing() -> None:
    spawner = YarnSpawner(mem_limit="1 G")
    choice = Choice(display_name="Big", layers=({"mem_limit": "4 G", "cpu_limit": "many"},))
    words = "profile 'Big' sets cpu_limit to 'many'"
    with pytest.raises(Refusal, match=words) as refused, spawner.offer.overridden(choice):
        pass
    assert refused.value.status_code == 500
    assert refused.value.jupyterhub_message.startswith("The configured profiles are invalid: ")
    assert (spawner.mem_limit, spawner.cpu_limit) == (2**30, 1)


@pytest.mark.parametrize(
    ("name", "template"),
    [
        ("prologue", "bash -c '{prologue}\n{singleuser_command}'"),
        ("args", 'apptainer exec lab.sif bash -c "{prologue}; {singleuser_command}"'),
        ("epilogue", "{singleuser_command}\nbash <<END\n{epilogue}\nEND"),
    ],
)
def test_what_a_user_writes_stands_in_no_quotes_of_the_script(name: str, template: str) -> None:
    written = {"enabled": True, "validation_regex": ".*", "yarn_override": {name: "use {value}"}}
    if name == "args":
        written["yarn_override"] = {name: ["--app={value}"]}
    option = {"display_name": "Environment", "choices": {}, "unlisted_choice": written}
    option["choices"] = {"own": {"display_name": "Own", "yarn_override": {}}}
    profile = {"display_name": "Lab", "profile_options": {"environment": option}}
    profiles = parse_profiles([profile], allowed=OVERRIDABLE)
    spawner = YarnSpawner(script_template=template)
    with spawner.offer.overridden(choose(profiles, {})):
        assert spawner.script_template == template, "of no harm while nobody writes anything"
    hostile = choose(profiles, {"environment--unlisted-choice": "$(touch here)"})
    with (
        pytest.raises(Refusal, match="script_template: ") as refused,
        spawner.offer.overridden(hostile),
    ):
        pass
    assert refused.value.status_code == 500
    with YarnSpawner().offer.overridden(hostile):
        pass


async def test_a_hub_that_offers_nothing_is_as_jupyterhub_makes_it() -> None:
    spawner = YarnSpawner()
    form: dict[str, object] = {"anything": ["1"]}
    assert spawner.options_form == ""
    assert await spawner.run_options_from_form(form) == form
    assert spawner.apply_user_options is None
    spawner.user_options = form
    assert await spawner.offer.chosen() == Choice()


def configured(text: str) -> Any:  # Any: traitlets' configuration is made of anything
    config = Config()
    exec(compile(text, PAGE, "exec"), {"c": config})
    return config.YarnSpawner


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
async def test_the_examples(example: Block) -> None:
    offered = configured(example.text).get("profile_list", [])
    lists = (
        [await offered(member(*names)) for names in ([], ["gpu"])]
        if callable(offered)
        else [offered]
    )
    for each in lists:
        for profile in parse_profiles(each, allowed=OVERRIDABLE):
            choice = choose([profile], {})
            with YarnSpawner().offer.overridden(choice):
                assert choice.slug == profile.slug


def member(*groups: str) -> SimpleNamespace:
    """The spawner of a user who is in these groups."""
    return SimpleNamespace(
        user=SimpleNamespace(groups=[SimpleNamespace(name=each) for each in groups])
    )


MEMORY = {
    "display_name": "Fruit",
    "slug": "fruit",
    "profile_options": {
        "memory": {
            "display_name": "Memory",
            "unlisted_choice": {"enabled": True, "yarn_override": {"mem_limit": "{value} M"}},
        },
    },
}
LINK: dict[str, list[object]] = {"profile": ["fruit"], "memory--unlisted-choice": ["512"]}


def offering() -> YarnSpawner:
    user = SimpleNamespace(name="alice", settings={})
    spawner = YarnSpawner(user=user, profile_list=[{"display_name": "Small"}, MEMORY])
    spawner.user_options = {}
    spawner.handler = object()
    return spawner


async def test_a_link_fills_the_form_in_and_starts_nothing() -> None:
    spawner = offering()
    with pytest.raises(LinkError) as shown:
        await spawner.options_from_query(LINK)
    assert format_exception(shown.value) == ("", None)  # JupyterHub shows it as no error
    assert spawner.user_options == {}
    form = await spawner.get_options_form()
    assert "Check them before you start the server" in form
    assert re.search(r'value="fruit"[^>]*checked', form)
    assert 'value="512"' in form
    again = await spawner.get_options_form()
    assert "before you start the server" not in again
    assert re.search(r'value="small"[^>]*checked', again)


async def test_a_link_fills_in_no_other_page() -> None:
    spawner = offering()
    with pytest.raises(LinkError):
        await spawner.options_from_query(LINK)
    spawner.handler = object()
    assert 'value="512"' not in await spawner.get_options_form()


async def test_a_link_to_what_is_not_offered_says_so() -> None:
    spawner = offering()
    with pytest.raises(Refusal, match="The profile 'big' does not exist"):
        await spawner.options_from_query({"profile": ["big"]})
    assert re.search(r'value="small"[^>]*checked', await spawner.get_options_form())


async def test_a_link_starts_nothing_either_where_the_form_is_the_administrators() -> None:
    with pytest.raises(LinkError):
        await YarnSpawner(options_form="<input name=x>").options_from_query({"x": ["1"]})


async def test_a_form_that_cannot_be_made_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HADOOP_CONF_DIR", str(tmp_path / "nowhere"))
    spawner = YarnSpawner(user=SimpleNamespace(name="alice", settings={}), choose_queue=True)
    spawner.user_options = {}
    with pytest.raises(Refusal, match=r"Hadoop configuration folder .*/nowhere does not exist"):
        await spawner.get_options_form()


async def test_what_is_wrong_in_the_configuration_is_named_as_it_stands_there() -> None:
    spawner = offering()
    spawner.profile_list = [{}]
    with pytest.raises(Refusal, match=r"c\.YarnSpawner\.profile_list\[0\]\.display_name") as said:
        await spawner.get_options_form()
    assert said.value.status_code == 500
