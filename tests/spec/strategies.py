"""Valid specifications for property tests, and the documents that the tables start from."""

from __future__ import annotations

import string
from typing import Any

from hypothesis import strategies as st

from yarnhub.base.units import MiB, Seconds, VCores
from yarnhub.spec import (
    ACLs,
    ApplicationSpec,
    Docker,
    File,
    FileType,
    FileVisibility,
    LogLevel,
    Master,
    Readiness,
    Resources,
    Security,
    Service,
)

Document = dict[str, Any]  # the tests reach into documents of every shape

LETTERS = string.ascii_letters + string.digits
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8)
filled = texts.filter(lambda text: bool(text.strip()))
names = st.text(LETTERS + "._-", max_size=6).map(lambda rest: f"a{rest}")
variables = st.text(LETTERS + "_", max_size=6).map(lambda rest: f"_{rest}")
users = st.lists(st.text(LETTERS + "*", min_size=1, max_size=4), max_size=2)
pem = st.text(LETTERS + "-\n", max_size=20).map(str.encode)

resources = st.builds(
    Resources,
    memory=st.integers(1, 2**63 - 1).map(MiB),
    vcores=st.integers(1, 2**31 - 1).map(VCores),
    gpus=st.integers(0, 9),
    fpgas=st.integers(0, 9),
    custom=st.dictionaries(
        names.map("example.com/{}".format) | names.map("of-{}".format),
        st.integers(0, 9),
        max_size=2,
    ),
)
files = st.builds(
    File,
    source=filled.filter(lambda text: "\n" not in text),
    type=st.sampled_from(FileType),
    visibility=st.sampled_from(FileVisibility),
    size=st.integers(0, 2**63 - 1),
    timestamp=st.integers(0, 2**63 - 1),
)
file_mappings = st.dictionaries(names, files, max_size=2)
environments = st.dictionaries(variables, texts, max_size=2)
# Of what skein did not have, examples: more that is drawn makes all of it slow.
dockers = st.sampled_from(
    (
        None,
        Docker(image="python"),
        Docker(image="a:5000/b:c", mounts=["/a:/b:ro"], tmpfs=["/c"], ports=[":1"]),
        Docker(image="b", network="host", hostname="h", privileged=True, runtime="nvidia"),
    )
)
beyond: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    (
        {},
        {"restart_delay": 0.25, "max_restart_delay": 300.5, "ready": Readiness(port=8888)},
        {"grace_period": 30, "ready": Readiness(key="{instance} {container_id}")},
    )
)
securities = (
    st.builds(Security, cert_file=files, key_file=files)
    | st.builds(Security, cert_bytes=pem, key_bytes=pem)
    | st.builds(Security, cert_file=files, key_bytes=pem)
    | st.builds(Security, cert_bytes=pem, key_file=files)
)
masters = st.builds(
    Master,
    resources=resources,
    script=filled,
    files=file_mappings,
    env=environments,
    docker=dockers,
    log_level=st.sampled_from(LogLevel),
    log_config=st.none() | files,
    security=st.none() | securities,
)
acls = st.builds(
    ACLs,
    enable=st.booleans(),
    view_users=users,
    view_groups=users,
    modify_users=users,
    modify_groups=users,
    ui_users=users,
)


@st.composite
def services(draw: st.DrawFn, known: list[str]) -> Service:
    """A service that depends on some of those before it."""
    return Service(
        resources=draw(resources),
        script=draw(filled),
        files=draw(file_mappings),
        env=draw(environments),
        docker=draw(dockers),
        instances=draw(st.integers(0, 2**31 - 1)),
        depends=draw(st.sets(st.sampled_from(known), max_size=2)) if known else set(),
        max_restarts=draw(st.integers(-1, 2**31 - 1)),
        allow_failures=draw(st.booleans()),
        **draw(beyond),
        node_label=draw(texts),
        nodes=draw(st.lists(filled, max_size=2)),
        racks=draw(st.lists(filled, max_size=2)),
        relax_locality=draw(st.booleans()),
    )


@st.composite
def applications(draw: st.DrawFn) -> ApplicationSpec:
    chosen = draw(st.lists(names, max_size=3, unique=True))
    return ApplicationSpec(
        name=draw(filled),
        queue=draw(filled),
        user=draw(texts),
        node_label=draw(texts),
        tags=draw(st.sets(st.text(LETTERS + " ", min_size=1, max_size=4), max_size=2)),
        file_systems=draw(st.lists(filled, max_size=2)),
        max_attempts=draw(st.integers(1, 2**31 - 1)),
        priority=draw(st.sampled_from((0, 9))),
        timeout=draw(st.sampled_from((None, Seconds(1)))),
        acls=draw(acls),
        master=draw(masters),
        services={name: draw(services(chosen[:at])) for at, name in enumerate(chosen)},
    )


def service_document(**changes: object) -> Document:
    return {"resources": {"memory": "1 GiB", "vcores": 1}, "script": "run", **changes}


def application_document(**changes: object) -> Document:
    return {"services": {"jupyter": service_document()}, **changes}
