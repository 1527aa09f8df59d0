"""The values of settings: which ones are valid, and what becomes of them."""

from __future__ import annotations

import pytest
from traitlets import TraitError

from integrations.jupyterhub.spawning import Spawner, make_spawner
from sessions.in_memory import OneSession
from yarnhub.base.errors import ConfigurationError


def spawner(**settings: object) -> Spawner:
    return make_spawner(OneSession(), **settings)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("cpu_limit", 1.5),
        ("grace_period", 0.5),
        ("priority", 0.1),
        ("resource_types", {"yarn.io/gpu": 0.5}),
    ],
)
def test_a_number_that_would_be_cut_off_is_refused(name: str, value: object) -> None:
    with pytest.raises(TraitError, match=rf"'{name}' trait .* whole number"):
        spawner(**{name: value})


@pytest.mark.parametrize(("value", "number"), [(2, 2), (2.0, 2), ("2", 2)])
def test_whole_numbers_may_be_written_in_any_way(value: object, number: int) -> None:
    made = spawner(cpu_limit=value, resource_types={"license": value})
    assert (made.cpu_limit, made.resource_types) == (number, {"license": number})


async def test_resource_types_need_no_namespace() -> None:
    request = await spawner(resource_types={"license": 1}).chosen_request()
    (service,) = request.specification.services.values()
    assert service.resources.resource_types == {"license": 1}


async def test_variables_may_be_numbers() -> None:
    request = await spawner(environment={"PORT": 8080, "RATIO": 0.5}).chosen_request()
    (service,) = request.specification.services.values()
    assert (service.env["PORT"], service.env["RATIO"]) == ("8080", "0.5")


async def test_a_variable_that_is_nothing_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"environment: HOSTS must be a string .* a list"):
        await spawner(environment={"HOSTS": ["a"]}).chosen_request()


async def test_jupyterhubs_own_program_may_be_named() -> None:
    request = await spawner(cmd="/opt/jupyter/bin/jupyterhub-singleuser").chosen_request()
    assert request.script.strip().startswith("/opt/jupyter/bin/python3 -m yarnspawner.singleuser")
