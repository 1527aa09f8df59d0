"""The whole document: defaults, key paths, dependencies, and what is written is read back."""

from __future__ import annotations

import copy
import json
import pickle
from types import MappingProxyType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spec.strategies import Document, application_document, applications, service_document
from yarnhub.base.errors import SpecError
from yarnhub.base.units import MiB, VCores
from yarnhub.spec import ACLs, ApplicationSpec, LogLevel, Master, Resources, Service


def refused(document: object) -> SpecError:
    with pytest.raises(SpecError) as caught:
        ApplicationSpec.from_dict(document)
    return caught.value


def test_defaults_are_those_of_the_reference() -> None:
    spec = ApplicationSpec.from_dict(application_document())
    assert spec == ApplicationSpec(
        name="skein",
        queue="default",
        user="",
        node_label="",
        tags=set(),
        file_systems=[],
        max_attempts=1,
        acls=ACLs(enable=False),
        master=Master(
            resources=Resources(memory=MiB(512), vcores=VCores(1)),
            script="",
            log_level=LogLevel.INFO,
            log_config=None,
            security=None,
        ),
        services={
            "jupyter": Service(
                resources=Resources(memory=MiB(1024), vcores=VCores(1), gpus=0, fpgas=0),
                script="run",
                files={},
                env={},
                instances=1,
                depends=set(),
                max_restarts=0,
                allow_failures=False,
                node_label="",
                nodes=[],
                racks=[],
                relax_locality=False,
            )
        },
    )


def test_defaults_are_written_and_nulls_are_not() -> None:
    written = ApplicationSpec.from_dict(application_document(tags=["b", "a"])).to_dict()
    services = written.pop("services")
    assert written == {
        "name": "skein",
        "queue": "default",
        "user": "",
        "node_label": "",
        "tags": ["a", "b"],
        "file_systems": [],
        "max_attempts": 1,
        "acls": {
            "enable": False,
            "view_users": [],
            "view_groups": [],
            "modify_users": [],
            "modify_groups": [],
            "ui_users": [],
        },
        "master": {
            "resources": {"memory": 512, "vcores": 1, "gpus": 0, "fpgas": 0},
            "script": "",
            "files": {},
            "env": {},
            "log_level": "INFO",
        },
    }
    assert services == {
        "jupyter": {
            "resources": {"memory": 1024, "vcores": 1, "gpus": 0, "fpgas": 0},
            "script": "run",
            "files": {},
            "env": {},
            "instances": 1,
            "depends": [],
            "max_restarts": 0,
            "allow_failures": False,
            "node_label": "",
            "nodes": [],
            "racks": [],
            "relax_locality": False,
        }
    }


@given(applications())
def test_what_is_written_with_its_secrets_is_read_back(spec: ApplicationSpec) -> None:
    document = spec.to_dict(secrets=True)
    assert ApplicationSpec.from_dict(document) == spec
    assert ApplicationSpec.from_dict(json.loads(json.dumps(document))) == spec


@given(applications())
def test_what_is_written_without_secrets_can_be_read(spec: ApplicationSpec) -> None:
    again = ApplicationSpec.from_dict(json.loads(json.dumps(spec.to_dict())))
    assert again.services == spec.services
    if again != spec:
        assert spec.master.security is not None
        assert spec.master.security.key_bytes is not None
        assert again.master.security is None


@given(applications())
def test_copies_are_equal(spec: ApplicationSpec) -> None:
    assert pickle.loads(pickle.dumps(spec)) == spec
    assert copy.deepcopy(spec) == spec
    assert copy.copy(spec) == spec


def test_containers_are_frozen_copies() -> None:
    services = {"a": Service.from_dict(service_document(depends=[]))}
    tags = {"x"}
    spec = ApplicationSpec(services=services, tags=tags, file_systems=["hdfs://a"])
    services.clear()
    tags.clear()
    assert isinstance(spec.services, MappingProxyType)
    assert set(spec.services) == {"a"}
    assert spec.tags == frozenset({"x"})
    assert spec.file_systems == ("hdfs://a",)
    with pytest.raises(AttributeError):
        spec.name = "other"  # type: ignore[misc]  # what is tested
    assert not hasattr(spec, "__dict__")


@pytest.mark.parametrize(
    ("changes", "path", "reason"),
    [
        ({"name": 1}, "name", "must be text, not 1: put the value in quotes"),
        ({"name": ""}, "name", "must be text that is not empty, not ''"),
        ({"queue": []}, "queue", "must be text, not list"),
        ({"user": True}, "user", "must be text, not True: put the value in quotes"),
        ({"node_label": {}}, "node_label", "must be text, not dict"),
        ({"node_label": "a\0"}, "node_label", "must not contain a NUL character"),
        ({"tags": "abc"}, "tags", "must be a list, not 'abc'"),
        ({"tags": ["ok", "é"]}, "tags[1]", "must be printable ASCII, as YARN requires for tags"),
        ({"tags": ["a\n"]}, "tags[0]", "must be printable ASCII, as YARN requires for tags"),
        ({"tags": [1]}, "tags[0]", "must be text, not 1: put the value in quotes"),
        ({"tags": [None]}, "tags[0]", "must be text, not null"),
        ({"file_systems": "hdfs://a"}, "file_systems", "must be a list, not 'hdfs://a'"),
        ({"file_systems": [""]}, "file_systems[0]", "must be text that is not empty"),
        ({"max_attempts": 0}, "max_attempts", "must be at least 1, not 0"),
        ({"max_attempts": 2**31}, "max_attempts", "must be at most 2147483647"),
        ({"max_attempts": True}, "max_attempts", "must be a whole number, not True"),
        ({"max_attempts": 1.0}, "max_attempts", "must be a whole number, not 1.0"),
        ({"max_attempts": "1"}, "max_attempts", "must be a whole number, not '1'"),
        ({"acls": []}, "acls", "must be a mapping, not list"),
        ({"acls": {"enabled": True}}, "acls", "unknown key 'enabled'; did you mean 'enable'?"),
        ({"acls": {"enable": "yes"}}, "acls.enable", "must be true or false, not 'yes'"),
        ({"master": "run"}, "master", "must be a mapping, not 'run'"),
        ({"master": {"scrpt": ""}}, "master", "unknown key 'scrpt'; did you mean 'script'?"),
        ({"services": ["a"]}, "services", "must be a mapping, not list"),
        ({"services": {1: {}}}, "services", "the key 1 is not text: put it in quotes"),
        ({"services": {"": {}}}, "services", "must be a name of letters, digits, '.', '_' and"),
        ({"services": {"a": None}}, "services.a", "must be a mapping, not null"),
        ({"services": {}}, "", "needs at least one entry in `services`, or a `master.script`"),
        ({"services": None}, "", "needs at least one entry in `services`, or a `master.script`"),
        ({"servces": {}}, "", "unknown key 'servces'; did you mean 'services'?"),
        ({"zzz": 1}, "", "unknown key 'zzz'; known are: acls, file_systems, master, max_attempts"),
    ],
)
def test_a_wrong_document_is_refused_where_it_is_wrong(
    changes: Document, path: str, reason: str
) -> None:
    error = refused(application_document(**changes))
    assert error.path == path
    assert error.reason.startswith(reason)
    assert str(error) == (f"{path}: {error.reason}" if path else error.reason)


@pytest.mark.parametrize(
    ("document", "found"), [(None, "null"), ([], "list"), ("x", "'x'"), (1, "1")]
)
def test_a_document_is_a_mapping(document: object, found: str) -> None:
    error = refused(document)
    assert (error.path, error.reason) == ("", f"must be a mapping, not {found}")


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"resources": {"memory": "1 X", "vcores": 1}}, "resources.memory"),
        ({"files": {"env": {"source": "a", "type": "zip"}}}, "files.env.type"),
        ({"files": {"a/b": "x"}}, "files.a/b"),
        ({"env": {"A": 1}}, "env.A"),
        ({"depends": ["x y"]}, "depends[0]"),
        ({"commands": ["ls", 1], "script": None}, "commands[1]"),
    ],
)
def test_paths_lead_through_the_whole_document(changes: Document, path: str) -> None:
    error = refused({"services": {"jupyter": service_document(**changes)}})
    assert error.path == f"services.jupyter.{path}"


def test_constructors_check_too_with_paths_relative_to_the_object() -> None:
    with pytest.raises(SpecError, match=r"^resources\.memory: "):
        Service(
            resources={"memory": -1, "vcores": 1},  # type: ignore[arg-type]  # what is tested
            script="run",
        )
    with pytest.raises(SpecError, match=r"^max_attempts: must be at least 1"):
        ApplicationSpec(master=Master(script="run"), max_attempts=0)


@pytest.mark.parametrize("name", ["a b;c/d", ".a", "-a", "_a", "a/b", "é", "a\n", "$(x)"])
def test_service_names_are_safe_in_file_names_and_scripts(name: str) -> None:
    error = refused({"services": {name: service_document()}})
    assert error.path == f"services.{name}"
    assert error.reason.startswith("must be a name of letters, digits, '.', '_' and '-'")


@pytest.mark.parametrize("name", ["dask.worker", "a", "0", "A-b_c.9"])
def test_usual_service_names_are_accepted(name: str) -> None:
    assert set(ApplicationSpec.from_dict({"services": {name: service_document()}}).services) == {
        name
    }


def depending(**depends: list[str]) -> Document:
    return {"services": {name: service_document(depends=on) for name, on in depends.items()}}


@pytest.mark.parametrize(
    ("document", "path", "reason"),
    [
        (depending(a=["a"]), "services.a.depends", "a service cannot depend on itself"),
        (depending(a=["x"], b=[]), "services.a.depends", "unknown service 'x'; known are: a, b"),
        (
            depending(worker=[], b=["wroker"]),
            "services.b.depends",
            "unknown service 'wroker'; did you mean 'worker'?",
        ),
        (depending(b=["a"], a=["b"]), "services", "depend on each other in a circle: a -> b -> a"),
        (
            depending(x=["a"], c=["a"], b=["c"], a=["b"], z=[]),
            "services",
            "depend on each other in a circle: a -> b -> c -> a",
        ),
    ],
)
def test_dependencies_name_other_services_without_a_circle(
    document: Document, path: str, reason: str
) -> None:
    error = refused(document)
    assert (error.path, error.reason) == (path, reason)


def test_dependencies_may_cross() -> None:
    spec = ApplicationSpec.from_dict(depending(a=["b", "c"], b=["d"], c=["d"], d=[]))
    assert spec.services["a"].depends == {"b", "c"}


def test_a_script_of_the_master_is_enough() -> None:
    assert ApplicationSpec.from_dict({"master": {"script": "run"}}).services == {}


_anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.text(max_size=3) | st.integers(), inner, max_size=2)
    ),
    max_leaves=4,
)


# The first text of all takes seconds in a fresh checkout: Hypothesis makes its table of characters.
@settings(suppress_health_check=[HealthCheck.too_slow])
@given(applications(), st.data())
def test_a_change_anywhere_is_accepted_or_refused_by_a_spec_error(
    spec: ApplicationSpec, data: st.DataObject
) -> None:
    document = spec.to_dict(secrets=True)
    place: Document = document
    while True:
        key = data.draw(st.sampled_from(sorted(place)))
        if isinstance(place[key], dict) and place[key] and data.draw(st.booleans()):
            place = place[key]
        else:
            break
    place[key] = data.draw(_anything)
    try:
        again = ApplicationSpec.from_dict(document)
    except SpecError as error:
        assert error.reason  # noqa: PT017  # an error is as good as a specification here
    else:
        assert ApplicationSpec.from_dict(again.to_dict(secrets=True)) == again
