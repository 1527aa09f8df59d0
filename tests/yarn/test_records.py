"""Every record against the descriptors inside Hadoop's own jars.

Marked `cluster`: it needs the jars of the embedded cluster, which the first run downloads. No
daemon and no Java is started.
"""

from __future__ import annotations

import asyncio
import dataclasses
import enum
import importlib
import pkgutil
from typing import TYPE_CHECKING, Any

import pytest
from google.protobuf.descriptor_pb2 import FieldDescriptorProto

import yarnhub.yarn.records
from yarn.descriptors import ClassFile, Descriptors, read_class
from yarnhub.cluster.host import Host
from yarnhub.cluster.jars import provide_jars
from yarnhub.cluster.options import TESTED_VERSIONS
from yarnhub.filesystem import delegation
from yarnhub.hadoop.codec import FieldInfo, fields
from yarnhub.hadoop.scalars import Scalar
from yarnhub.hadoop.wire import delegation as delegation_records
from yarnhub.hadoop.wire import headers, identifiers, tokens
from yarnhub.hadoop.wire.method import Method
from yarnhub.yarn import node_manager, resource_manager, scheduler
from yarnhub.yarn.records.containers import ContainerExitStatus

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.cluster

_API = "hadoop-yarn-api"
_COMMON = "hadoop-common"
_YARN = "org/apache/hadoop/yarn/proto/"
_CLASSES = (
    (_API, f"{_YARN}YarnProtos"),
    (_API, f"{_YARN}YarnServiceProtos"),
    (_API, f"{_YARN}ApplicationClientProtocol"),
    (_API, f"{_YARN}ApplicationMasterProtocol"),
    (_API, f"{_YARN}ContainerManagementProtocol"),
    (_COMMON, "org/apache/hadoop/ipc/protobuf/RpcHeaderProtos"),
    (_COMMON, "org/apache/hadoop/ipc/protobuf/IpcConnectionContextProtos"),
    (_COMMON, "org/apache/hadoop/ipc/protobuf/ProtobufRpcEngine2Protos"),
    (_COMMON, "org/apache/hadoop/security/proto/SecurityProtos"),
    ("hadoop-yarn-common", f"{_YARN}YarnSecurityTokenProtos"),
    ("hadoop-hdfs-client", "org/apache/hadoop/hdfs/protocol/proto/ClientNamenodeProtocolProtos"),
)
_PACKAGES = ("hadoop.yarn", "hadoop.common")
_OTHER_NAMES = {
    "RpcOperation": "RpcRequestHeaderProto.OperationProto",
    "RpcStatus": "RpcResponseHeaderProto.RpcStatusProto",
    "SaslAuth": "RpcSaslProto.SaslAuth",
    "SaslMessage": "RpcSaslProto",
    "SaslState": "RpcSaslProto.SaslState",
    "_Entries": "CredentialsProto",
    "_Entry": "CredentialsKVProto",
    "ContainerState": "ContainerStateProto",
}
# What Hadoop 3.4 added: an older Hadoop passes over it, and never sends it.
_NEWER = {"3.3.6": {"QueueInfo.queue_path"}, "3.4.2": set(), "3.5.0": set()}
# Required in the descriptor and not with us, since we only read it: a kind of timeout that a newer
# Hadoop adds must not cost the whole report.
_ONLY_READ = {"ApplicationTimeout.application_timeout_type"}
# What the descriptors have stand for diagnostics that were not set; nothing was said.
_UNSET = "N/A"
_F = FieldDescriptorProto
_SERVICES = (
    (resource_manager, "hadoop.yarn.ApplicationClientProtocolService"),
    (scheduler, "hadoop.yarn.ApplicationMasterProtocolService"),
    (node_manager, "hadoop.yarn.ContainerManagementProtocolService"),
    (delegation, "hadoop.hdfs.ClientNamenodeProtocol"),
)


def _classes() -> Iterator[type]:
    modules = [
        importlib.import_module(f"{yarnhub.yarn.records.__name__}.{module.name}")
        for module in pkgutil.iter_modules(yarnhub.yarn.records.__path__)
    ]
    for module in (*modules, headers, tokens, identifiers, delegation, delegation_records):
        for value in vars(module).values():
            if isinstance(value, type) and value.__module__ == module.__name__:
                yield value


_RECORDS = [
    cls
    for cls in _classes()
    if dataclasses.is_dataclass(cls) and all("proto" in f.metadata for f in dataclasses.fields(cls))
]
_ENUMS = [
    cls for cls in _classes() if issubclass(cls, enum.Enum) and cls is not ContainerExitStatus
]


@pytest.fixture(scope="session", params=TESTED_VERSIONS)
def hadoop(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def jars(hadoop: str) -> Path:
    cache = Host.from_environment().cache
    return asyncio.run(provide_jars(hadoop, cache, repository=None, report=lambda *_: None))


@pytest.fixture(scope="session")
def descriptors(jars: Path) -> Descriptors:
    return Descriptors.read(jars, _CLASSES)


def _full_name(cls: type, known: object) -> str:
    name = _OTHER_NAMES.get(cls.__name__, f"{cls.__name__}Proto")
    assert isinstance(known, dict)
    (full,) = (f"{package}.{name}" for package in _PACKAGES if f"{package}.{name}" in known)
    return full


def _plain(name: str) -> str:
    return name.replace("_", "").lower()


def test_nothing_is_left_out() -> None:
    # A record that is not a plain dataclass of wire fields would silently not be compared.
    assert {cls.__name__ for cls in _classes()} == {
        cls.__name__ for cls in (*_RECORDS, *_ENUMS)
    } | {"ContainerExitStatus", "TokenStorage", "NameNodeTokens"}
    assert len(_RECORDS) > 100
    assert len(_ENUMS) > 20


@pytest.mark.parametrize("cls", _RECORDS, ids=lambda cls: cls.__name__)
def test_record(cls: type, hadoop: str, descriptors: Descriptors) -> None:
    message = descriptors.messages[_full_name(cls, descriptors.messages)]
    theirs = {field.number: field for field in message.field}
    missing = set()
    for name, info in fields(cls).items():
        field = theirs.get(info.number)
        if field is None:
            missing.add(f"{cls.__name__}.{name}")
            continue
        assert _plain(field.name) == _plain(name)
        _compare(cls, name, info, field, descriptors)
    assert missing == {each for each in _NEWER[hadoop] if each.startswith(f"{cls.__name__}.")}


def _compare(
    cls: type, name: str, info: FieldInfo, field: FieldDescriptorProto, descriptors: Descriptors
) -> None:
    ours = next(f for f in dataclasses.fields(cls) if f.name == name)
    is_map = info.key_kind is not None
    is_repeated = is_map or ours.default == ()
    assert (field.label == _F.LABEL_REPEATED) is is_repeated
    if is_map:
        entry = descriptors.messages[field.type_name[1:]]
        key, value = sorted(entry.field, key=lambda each: each.number)
        assert (key.number, value.number) == (1, 2)
        assert info.key_kind is not None
        _compare_kind(info.key_kind, key, descriptors)
        _compare_kind(info.kind, value, descriptors)
        return
    full = f"{cls.__name__}.{name}"
    _compare_kind(info.kind, field, descriptors)
    if is_repeated or full in _ONLY_READ:
        return
    if field.label == _F.LABEL_REQUIRED:
        assert ours.default is dataclasses.MISSING, "Java refuses the message without it"
    elif ours.default not in (None, dataclasses.MISSING):
        # A field that equals its default is not written: both sides must mean the same then.
        assert ours.default == _default(info, field, descriptors)


def _compare_kind(kind: Any, field: FieldDescriptorProto, descriptors: Descriptors) -> None:
    if isinstance(kind, Scalar):
        assert field.type == _F.Type.Value(f"TYPE_{kind.name.upper()}")
    elif issubclass(kind, enum.Enum):
        assert field.type == _F.TYPE_ENUM
        assert field.type_name == f".{_full_name(kind, descriptors.enums)}"
    else:
        assert field.type == _F.TYPE_MESSAGE
        assert field.type_name == f".{_full_name(kind, descriptors.messages)}"


def _default(info: FieldInfo, field: FieldDescriptorProto, descriptors: Descriptors) -> object:
    kind, text = info.kind, field.default_value
    if not isinstance(kind, Scalar):
        if not issubclass(kind, enum.Enum):
            return kind()
        members = descriptors.enums[field.type_name[1:]].value
        return kind[text or members[0].name.removeprefix(_prefix(members[0].name, kind))]
    match kind.name:
        case "string":
            return "" if text == _UNSET else text
        case "bool":
            return text == "true"
        case "float" | "double":
            return float(text or 0)
        case _:
            return int(text or 0)


def _prefix(name: str, kind: type[enum.Enum]) -> str:
    """Hadoop writes some members with the enum's short name in front: `C_NEW`, `NS_NEW`."""
    return next(name.removesuffix(member) for member in kind.__members__ if name.endswith(member))


@pytest.mark.parametrize("cls", _ENUMS, ids=lambda cls: cls.__name__)
def test_enum(cls: type[enum.Enum], descriptors: Descriptors) -> None:
    theirs = descriptors.enums[_full_name(cls, descriptors.enums)]
    by_number = {value.number: value.name for value in theirs.value}
    names = [value.name for value in theirs.value]
    prefixes = {by_number[member.value].removesuffix(member.name) for member in cls}
    assert all(by_number[member.value].endswith(member.name) for member in cls)
    assert len(prefixes) == 1, "one prefix for all members"
    (prefix,) = prefixes
    assert prefix == "" or all(name.startswith(prefix) for name in names)


def test_exit_statuses(jars: Path) -> None:
    constants: ClassFile = read_class(
        jars, _API, "org/apache/hadoop/yarn/api/records/ContainerExitStatus"
    )
    assert {member.name: member.value for member in ContainerExitStatus} == constants.integers


@pytest.mark.parametrize(("module", "service"), _SERVICES, ids=lambda each: str(each)[-40:])
def test_methods(module: Any, service: str, descriptors: Descriptors) -> None:
    theirs = {method.name: method for method in descriptors.services[service].method}
    ours = [value for value in vars(module).values() if isinstance(value, Method)]
    assert ours
    for method in ours:
        expected = theirs[method.name]
        assert expected.input_type == f".{_full_name(method.request, descriptors.messages)}"
        assert expected.output_type == f".{_full_name(method.response, descriptors.messages)}"


def test_the_descriptors_are_whole(descriptors: Descriptors) -> None:
    # One that is cut where two constants meet would lack what stands last in its file.
    assert len(descriptors.messages) > 350
    assert len(descriptors.messages["hadoop.yarn.ApplicationReportProto"].field) >= 28
    assert len(descriptors.services["hadoop.yarn.ApplicationClientProtocolService"].method) == 35
