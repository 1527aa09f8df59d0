"""Parsers of what comes from files and from the network, whoever wrote it."""

from __future__ import annotations

import dataclasses
import inspect
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given

from appmaster.shell.server.serving import PAIR
from e2e.walk import PROJECT
from fuzz.mechanism import Parser, fuzz, try_on
from fuzz.samples import DOCUMENT, KERNELSPEC
from hadoop import server
from kernels.launcher import zmtp_bytes
from skein import ApplicationSpec as SkeinSpec
from yarn.logs.recorded import FILES, content_of, index_of
from yarnhub.appmaster.core.records import Change
from yarnhub.appmaster.shell.journal.recorder import _read as read_journal
from yarnhub.base.errors import (
    AuthenticationError,
    ConfigurationError,
    RemoteProtocolError,
    SpecError,
)
from yarnhub.base.units import parse_duration, parse_memory
from yarnhub.client.access.truststore import _certificates
from yarnhub.client.submit.spec_file import parse_document
from yarnhub.control import diagnostics
from yarnhub.control import json as control_json
from yarnhub.control.frames import Frame, Frames
from yarnhub.control.messages import REQUESTS
from yarnhub.control.outcomes import Cause, Outcome
from yarnhub.hadoop import codec
from yarnhub.hadoop.address import Address
from yarnhub.hadoop.conf import Configuration
from yarnhub.hadoop.security.auth_to_local import local_name
from yarnhub.hadoop.wire import digest_md5
from yarnhub.hadoop.wire.connection import RpcStateMachine
from yarnhub.hadoop.wire.framing import FrameReader, frame
from yarnhub.hadoop.wire.guard import Guard
from yarnhub.hadoop.wire.headers import SaslState, UserInformation
from yarnhub.hadoop.wire.identifiers import read_identifier
from yarnhub.hadoop.wire.method import Protocol
from yarnhub.hadoop.wire.protection import Protection
from yarnhub.hadoop.wire.sasl import Login
from yarnhub.hadoop.wire.tokens import Token, TokenStorage
from yarnhub.kernels import protocol
from yarnhub.kernels.enterprise_gateway_kernelspec import convert
from yarnhub.kernels.kernelspec_file import load, parse
from yarnhub.kernels.launcher.output import Output
from yarnhub.kernels.launcher.zmtp import Subscriber
from yarnhub.kernels.protocol import Order, ProcessState, Report, line, read_order
from yarnhub.kernels.records import KernelRecord
from yarnhub.kernels.request import KernelRequest
from yarnhub.sessions.ports.report import ReportError, read_report
from yarnhub.spec import ApplicationSpec, File
from yarnhub.yarn.logs.java_objects import read_java_object
from yarnhub.yarn.logs.node_responses import parse_listing
from yarnhub.yarn.records import applications, cluster, resource_manager, scheduler
from yarnhub.yarn.records.ids import ApplicationId, ContainerId

if TYPE_CHECKING:
    from collections.abc import Iterator

# What fails is shown, however long it is.
pytestmark = pytest.mark.filterwarnings("ignore:Generating overly large repr")

DEMO = (PROJECT / "examples" / "jupyter-demo.yaml").read_bytes()
# --- specifications


def read_yaml(content: bytes) -> object:
    return ApplicationSpec.from_dict(parse_document(content, "yaml"))


def read_json(content: bytes) -> object:
    return ApplicationSpec.from_dict(parse_document(content, "json"))


# --- Hadoop's files

SITE = b"""<?xml version="1.0"?><!DOCTYPE configuration [<!ENTITY a "aaaaaaaa">]>
<configuration xmlns:xi="http://www.w3.org/2001/XInclude">
  <property><name>a</name><value>${b}</value><final>true</final></property>
  <property><name>b</name><value>true</value></property>
  <property><name>c</name><value>&a;</value></property>
  <xi:include href="missing.xml"><xi:fallback/></xi:include>
</configuration>
"""


def read_site(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "core-site.xml").write_bytes(content)
        read = Configuration.load(Path(folder))
    for key in ("a", "b", "fs.defaultFS"):
        for get in (read.get, read.get_list):
            get(key)
        read.get_bool(key, default=False)


TOKENS = TokenStorage(
    {"a": Token(b"\0" * 8, b"password", "HDFS_DELEGATION_TOKEN", "1.2.3.4:8020")}, {"s": b"secret"}
)


def read_tokens(content: bytes) -> None:
    for token in TokenStorage.read(content).tokens.values():
        read_identifier(token)


def read_log(content: bytes) -> None:
    for entry in index_of(content)[:10]:
        for _, _ in zip(content_of(content, entry), range(100), strict=False):
            pass


INDEX = FILES["ifile-none"][-36 - int.from_bytes(FILES["ifile-none"][-36:-32], "big") : -36]

# --- Hadoop RPC

PROTOCOL = Protocol("org.example.ServicePB")
ANSWERS = (
    server.answer(0, b"\x0a\x01x"),
    server.failure(0, "java.io.IOException", "no"),
    server.fatal(0, "java.lang.RuntimeException", "no"),
    server.sasl(SaslState.NEGOTIATE, auths=(server.token_offer(), server.SIMPLE_OFFER)),
    server.sasl(SaslState.CHALLENGE, b'realm="default",nonce="n",qop="auth",charset=utf-8'),
    server.sasl(SaslState.SUCCESS, b"rspauth=0"),
)


def receive(content: bytes) -> None:
    logins = (
        Login(simple=UserInformation(effective_user="alice")),
        Login(token=server.TOKEN, cnonce="c"),
    )
    for login in logins:
        client = RpcStateMachine(PROTOCOL, login, client_id=b"i" * 16, max_response=1 << 20)
        if client.ready:
            client.call(0, "x", b"")
        for piece in (content[:7], content[7:]):
            client.receive(piece)
        client.take()


def guard(content: bytes) -> None:
    for from_client in (False, True):
        watch = Guard("nn/h@R", Protection.PRIVACY)
        watch.from_client(b"hrpc\x09\x00\xdf")
        (watch.from_client if from_client else watch.from_server)(content)


def records() -> Iterator[type]:
    for module in (applications, cluster, resource_manager, scheduler):
        for _, kind in inspect.getmembers(module, inspect.isclass):
            if dataclasses.is_dataclass(kind) and kind.__module__ == module.__name__:
                yield kind


RECORDS = list(records())


def decode(content: bytes) -> None:
    for kind in RECORDS[content[0] % 7 if content else 0 :: 7]:
        codec.decode(kind, content)


def cut_frames(content: bytes) -> None:
    for _ in FrameReader(1 << 16).feed(content):
        pass


# --- between clients and ApplicationMasters

REQUEST = (
    b'{"on_success":[{"PutKey":{"key":"k","value":"dg=="}}],'
    b'"conditions":[{"key":"k","field":"VALUE","operator":"==","value":"dg=="}]}'
)
CHANGE = (
    b'{"records":[{"KeyRecord":{"key":"k","entry":{"key":"k","value":"dg==","owner":"a_0"}}},'
    b'{"ServiceRecord":{"name":"a","failures":0,"restarts":1,"waits_for":["b"],"next_number":7,'
    b'"begun":true,"ended":{"FAILED":3}}},'
    b'{"Instance":{"service":"a","number":3,"state":"RUNNING","env":{"A":"b"},"start_time":1.5}}]}'
)


def load_requests(content: bytes) -> None:
    refused = 0
    for kind in REQUESTS.values():
        try:
            control_json.load(kind, content)
        except RemoteProtocolError:
            refused += 1
    if refused == len(REQUESTS):
        raise RemoteProtocolError("it is no request")


PUBLISHED = (
    (b"topic", b"<IDS|MSG>", b"", b'{"msg_type": "status"}', b"{}", b"{}", b"{}"),
    (b"x" * 300,),
)


def read_publisher(content: bytes) -> None:
    output = Output(1 << 16, lambda: 1.0, lambda: None)
    subscriber = Subscriber(output.limit)
    for at in range(0, len(content), 100):
        for parts in subscriber.receive(content[at : at + 100]):
            output.take(parts)


GATEWAY_KERNELSPEC = {
    "argv": ["run.sh", "{response_address}"],
    "language": "python",
    "env": {"SPARK_OPTS": "--queue a --driver-memory 4g --conf spark.yarn.appMasterEnv.A=1"},
    "metadata": {"process_proxy": {"config": {"port_range": "1..2"}}},
}
OPTIONS_WORDS = (
    *(b"--conf ", b"--archives a#b,", b"spark.driver.memory=", b"9" * 5000, b"'", b"${A}", b"\\"),
    *(b"--environment ", b"DASK_OPTS", b"PYSPARK_PYTHON", b"/bin/python"),
)


def read_kernelspec(content: bytes) -> None:
    parse("science", load(content.decode()))


def convert_kernelspec(content: bytes) -> None:
    convert(load(content.decode()))


def load_journal(content: bytes) -> None:
    for _ in read_journal(content.split(b"\n")):
        pass


RECORD = KernelRecord(
    request=KernelRequest(
        id="1",
        owner="alice",
        user="alice",
        name="python3",
        argv=("python",),
        env={"A": "b"},
        files={"a": File(source="hdfs:///a.zip")},
    ),
    key="key",
    created=1.5,
    outcome=Outcome(cause=Cause.MEMORY),
)


def text_of(content: bytes) -> str:
    return content.decode(errors="replace")


JSON_WORDS = (b'"', b"{", b"}", b"[", b"]", b",", b":", b"null", b"1e999", b"\\ud800", b"9" * 5000)
YAML_WORDS = (
    *JSON_WORDS,
    b"&a ",
    b"*a",
    b"- ",
    b"? ",
    b"<<: ",
    b"!!int ",
    b"!!binary ",
    b"|\n",
    b"\t",
)
XML_WORDS = (b"<", b">", b"</", b"&lt;", b"<!ENTITY b '&a;&a;&a;'>", b"&b;", b"${a}", b"]]>")
JAVA_WORDS = (b"sr", b"q\0\x7e\0\0", b"q\0\x7e\0\x05", b"t\0\x01a", b"x", b"p", b"w\x04\0\0\0\0")

PARSERS = [
    Parser("specification in YAML", read_yaml, (SpecError,), (DEMO, DOCUMENT), YAML_WORDS),
    Parser("specification in JSON", read_json, (SpecError,), (DOCUMENT,), JSON_WORDS),
    Parser("site file", read_site, (ConfigurationError,), (SITE,), XML_WORDS),
    Parser("token file", read_tokens, (ConfigurationError, RemoteProtocolError), (TOKENS.write(),)),
    Parser(
        "aggregated log",
        read_log,
        (ConfigurationError, RemoteProtocolError),
        tuple(FILES.values()),
        JAVA_WORDS,
    ),
    Parser("Java object", read_java_object, (RemoteProtocolError,), (INDEX,), JAVA_WORDS),
    Parser("RPC connection", receive, (), tuple(map(frame, ANSWERS)) + ANSWERS),
    Parser(
        "guard of a connection",
        guard,
        (AuthenticationError, RemoteProtocolError),
        words=(*map(frame, ANSWERS), *ANSWERS),
    ),
    Parser(
        "token in a URL",
        lambda each: Token.from_url(text_of(each)),
        (ValueError, RemoteProtocolError),
        (server.TOKEN.to_url().encode(),),
        (b"A", b"_", b"-", b"="),
    ),
    Parser(
        "skein's specification in YAML",
        SkeinSpec.from_yaml,
        (SpecError,),
        (DEMO, DOCUMENT),
        YAML_WORDS,
    ),
    Parser(
        "report of a port",
        read_report,
        (ReportError,),
        (b'{"port":8888}', b'{"error":"x"}'),
        JSON_WORDS,
    ),
    Parser("RPC frames", cut_frames, (RemoteProtocolError,), (frame(b"ab"), frame(b"") * 3)),
    Parser("records", decode, (RemoteProtocolError,), (), (b"\x0a", b"\x80", b"\x08\x01")),
    Parser(
        "SASL challenge",
        digest_md5.parse_challenge,
        (AuthenticationError, RemoteProtocolError),
        (b'realm="default",nonce="n",qop="auth",charset=utf-8,algorithm=md5-sess',),
        (b'"', b",", b"=", b"\\", b"nonce", b"realm"),
    ),
    Parser(
        "ZMTP and kernels' messages",
        read_publisher,
        (RemoteProtocolError,),
        (zmtp_bytes.stream(PUBLISHED),),
        (b"\1", b"\2", b"\3", b"\0", b"<IDS|MSG>", b'{"msg_type": "status"}', zmtp_bytes.GREETING),
    ),
    Parser(
        "launchers' reports",
        protocol.read_report,
        (RemoteProtocolError,),
        (line(Report(generation=1, state=ProcessState.RUNNING)),),
        JSON_WORDS,
    ),
    Parser(
        "record of a kernel",
        lambda each: control_json.load(KernelRecord, each),
        (RemoteProtocolError, SpecError),
        (control_json.dump(RECORD),),
        JSON_WORDS,
    ),
    Parser("orders", read_order, (RemoteProtocolError,), (line(Order(number=1)),), JSON_WORDS),
    Parser(
        "kernelspec",
        read_kernelspec,
        (SpecError, UnicodeDecodeError),
        (json.dumps(KERNELSPEC).encode(),),
        JSON_WORDS,
    ),
    Parser(
        "kernelspec of Enterprise Gateway",
        convert_kernelspec,
        (SpecError, UnicodeDecodeError),
        (json.dumps(GATEWAY_KERNELSPEC).encode(),),
        (*JSON_WORDS, *OPTIONS_WORDS),
    ),
    Parser("control frames", Frames(1 << 16).feed, (), (bytes(Frame(1, "GetKey", b"{}")),)),
    Parser(
        "control request",
        load_requests,
        (RemoteProtocolError,),
        (
            b'{"key":"k","value":"dg==","owner":null}',
            b'{"services":["a"],"states":["RUNNING"]}',
            REQUEST,
        ),
        JSON_WORDS,
    ),
    Parser(
        "an application's diagnostics",
        lambda each: diagnostics.read(text_of(each)),
        (),
        (
            b"AM Container for appattempt_1_0001_000001 exited with  exitCode: 137\n. Failing",
            b"it used too much. YARN says: pid 7 [cause=memory exit=-104 of=a_0 raw=5]",
        ),
        (
            b"[cause=",
            b" exit=",
            b" of=",
            b" raw=",
            b"9" * 5000,
            b"For more detailed output, check ",
        ),
    ),
    Parser(
        "journal",
        load_journal,
        (RemoteProtocolError,),
        (CHANGE, CHANGE + b"\n" + CHANGE),
        JSON_WORDS,
    ),
    Parser(
        "record", lambda each: control_json.load(Change, each), (RemoteProtocolError,), (CHANGE,)
    ),
    Parser(
        "list of logs",
        parse_listing,
        (RemoteProtocolError,),
        (b'{"containerLogsInfo":{"containerLogInfo":[{"fileName":"a","fileSize":"1"}]}}',),
        JSON_WORDS,
    ),
    Parser(
        "truststore",
        lambda each: _certificates(each, "changeit"),
        (ValueError, ConfigurationError),
        (PAIR.certificate,),
        (b"\xfe\xed\xfe\xed\0\0\0\2\0\0\0\1", b"\0\0\0\2", b"\x30\x82", b"-----BEGIN CERTIFICATE"),
    ),
    Parser(
        "rules of auth_to_local",
        lambda each: local_name(
            "a/b@C", {"hadoop.security.auth_to_local": text_of(each)}, lambda: "C"
        ),
        (ConfigurationError,),
        (b"RULE:[2:$1@$0](a@.*)s/@.*//\nDEFAULT",),
        # Not (.*) thousands of times: the administrator's expressions take as long as in Java.
        (b"RULE:[2:$1@$0]", b"(a)", b"s/@.*//", b"DEFAULT", b"/L", b"$1", b"${x}", b"[", b"("),
    ),
    Parser("memory", lambda each: parse_memory(text_of(each)), (ValueError,), (b"1.5 GiB",)),
    Parser("duration", lambda each: parse_duration(text_of(each)), (ValueError,), (b"1h 30m",)),
    Parser(
        "application id",
        lambda each: ApplicationId.parse(text_of(each)),
        (ValueError,),
        (b"application_1700000000000_0001",),
    ),
    Parser(
        "container id",
        lambda each: ContainerId.parse(text_of(each)),
        (ValueError,),
        (b"container_e17_1700000000000_0001_01_000001",),
    ),
    Parser("address", lambda each: Address.parse(text_of(each)), (ValueError,), (b"[::1]:80",)),
]


@pytest.mark.parametrize("parser", PARSERS, ids=str)
def test_a_sample_is_read(parser: Parser) -> None:
    for sample in parser.samples:
        parser.parse(sample)


@pytest.mark.parametrize("parser", PARSERS, ids=str)
def test_whatever_comes_is_read_or_refused(parser: Parser) -> None:
    @fuzz
    @given(parser.contents())
    def tried(content: bytes) -> None:
        try_on(parser, content)

    tried()
