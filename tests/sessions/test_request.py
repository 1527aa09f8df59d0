"""What a server's application is made of."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yarnhub.base.errors import SpecError
from yarnhub.sessions.request import SessionRequest, why_unsafe_script
from yarnhub.sessions.tags import HubTags, words_for
from yarnhub.spec import File

HUB = HubTags(b"secret", "jupyterhub")


def request(**changes: Any) -> SessionRequest:
    return SessionRequest(
        **{
            "user": "alice",
            "owner": "alice",
            "hub": HUB,
            "memory": 2 * 2**30,
            "command": ["python -m yarnspawner.singleuser"],
            **changes,
        }
    )


def test_one_service_with_one_instance() -> None:
    spec = request(
        queue="jupyterhub",
        vcores=2,
        resource_types={"yarn.io/gpu": 1},
        environment={"JUPYTERHUB_USER": "alice"},
        files={"environment": File(source="hdfs:///env.tar.gz")},
        prologue="source environment/bin/activate",
        tags=["team"],
    ).specification
    ((name, service),) = spec.services.items()
    assert name == HUB.kind
    assert (spec.user, spec.queue, service.instances) == ("alice", "jupyterhub", 1)
    assert (service.resources.memory, service.resources.vcores) == (2048, 2)
    assert service.resources.resource_types == {"yarn.io/gpu": 1}
    assert service.env == {"JUPYTERHUB_USER": "alice"}
    assert list(service.files) == ["environment"]
    assert spec.tags >= {
        "jupyterhub",
        "user-alice",
        "team",
        HUB.all_sessions,
        HUB.session("alice", "alice", ""),
    }
    assert service.script == ("source environment/bin/activate\npython -m yarnspawner.singleuser\n")


def test_less_than_a_mebibyte_is_rounded_up() -> None:
    spec = request(memory=2**30 + 1).specification
    assert spec.services["jupyterhub"].resources.memory == 1025


def test_tokens_are_secrets_and_nothing_else_is() -> None:
    variables = {"JUPYTERHUB_API_TOKEN": "t", "JPY_API_TOKEN": "t", "LANG": "C"}
    secret = frozenset({"JUPYTERHUB_API_TOKEN", "JPY_API_TOKEN"})
    made = request(
        environment=variables, secret_variables=secret, secret_files={"server.key": b"k"}
    )
    assert made.specification.services["jupyterhub"].env == {"LANG": "C"}
    assert made.secrets == {
        "variable:JUPYTERHUB_API_TOKEN": b"t",
        "variable:JPY_API_TOKEN": b"t",
        "file:server.key": b"k",
    }
    assert "'t'" not in repr(made)


def test_arguments_are_meant_literally() -> None:
    script = request(arguments=["--debug", "a b; rm -rf $HOME"]).script
    assert script.strip() == ("python -m yarnspawner.singleuser --debug 'a b; rm -rf $HOME'")


def test_what_cannot_be_is_named() -> None:
    with pytest.raises(SpecError, match="priority"):
        _ = request(priority=-1).specification


def test_an_identity_is_of_one_server_of_one_user_of_one_hub() -> None:
    identities = {
        HUB.session("alice", "alice", ""),
        HUB.session("alice", "alice", "gpu"),
        HUB.session("alice", "ali", "cegpu"),
        HUB.session("bob", "alice", ""),
        HubTags(b"other", "jupyterhub").session("alice", "alice", ""),
    }
    assert len(identities) == 5
    assert HUB.all_sessions != HubTags(b"other", "jupyterhub").all_sessions
    made = request(name="gpu")
    assert made.identity == HUB.session("alice", "alice", "gpu")
    assert HUB.identity(made.specification.tags, "alice") == made.identity


def test_tags_that_others_copy_or_make_up_are_not_the_hubs() -> None:
    tags = request().specification.tags
    assert HUB.identity(tags, "alice")
    assert HUB.identity(tags, "mallory") == "", "copied"
    assert HubTags(b"other", "jupyterhub").identity(tags, "alice") == "", "of another hub"
    forged = {"jupyterhub", HUB.all_sessions, f"server-{'0' * 32}-{'0' * 32}", "server-0123"}
    assert HUB.identity(forged, "alice") == "", "made up"
    which = next(tag for tag in tags if tag.startswith("server-")).split("-")[1]
    assert HUB.identity({f"server-{which}-{'a' * 32}"}, "mallory") == "", "half made up"
    assert HUB.identity({*forged, *tags}, "alice") == request().identity


@given(st.text(), st.text())
def test_any_name_makes_tags_that_yarn_takes(owner: str, server: str) -> None:
    tags = words_for(owner, server)
    assert request(owner=owner, name=server).specification.tags >= set(tags)
    assert all(len(tag) <= 100 and tag == tag.lower() for tag in tags)


def test_tags_are_those_of_former_versions() -> None:
    assert HUB.all_sessions == "jupyterhub-a36d63001f699634bd4c14841ae7a838"
    assert HUB.session("alice", "alice@site", "gpu") == (
        "server-b7866417e3eb0817d77aeaf001f2086d-d47e78cfeb44e006d9522c3bd63e7d20"
    )


@pytest.mark.parametrize(
    ("template", "written", "unsafe"),
    [
        ("bash -c '{prologue}\n{singleuser_command}'", {"prologue"}, "write {prologue} without '"),
        ("bash -c '{prologue}\n{singleuser_command}'", {"epilogue", "queue"}, ""),
        ('bash -c "{singleuser_command}"', {"args"}, 'write {singleuser_command} without "'),
        ('bash -c "{singleuser_command}"', {"cmd"}, 'write {singleuser_command} without "'),
        ("{prologue}\n{singleuser_command}\n{epilogue}", {"prologue", "cmd", "epilogue"}, ""),
    ],
)
def test_what_a_user_writes_is_one_word_of_the_script(
    template: str, written: set[str], unsafe: str
) -> None:
    assert why_unsafe_script(template, written).startswith(unsafe)
    assert bool(why_unsafe_script(template, written)) is bool(unsafe)
